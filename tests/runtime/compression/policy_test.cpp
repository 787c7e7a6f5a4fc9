#include "runtime/compression/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "runtime/deploy_config.h"

namespace paretune {
namespace {

Policy policy(std::string_view text) { return parse_policy(text, "test"); }

TEST(PolicyTest, TheShortestTextMeansTheSame) {
  struct Case {
    std::string_view text, shortest;
  };
  for (const Case& c : {
           Case{"all=int8", "all=int8"},
           Case{"output=bf16", "all=bf16"},
           Case{"linear=int4_g32:gptq,output=int8", "linear=int4_g32:gptq,output=int8"},
           Case{"qkv=int8,attention_output=int8", "attention=int8,mlp=bf16,output=bf16"},
           Case{"qkv=int8", "mlp=bf16,qkv=int8,attention_output=bf16,output=bf16"},
           Case{"all=int8,down@2=bf16,down@3-5=bf16", "all=int8,down@2-5=bf16"},
           Case{"all=int8,mlp@0=q6_k", "all=int8,gate_up@0=q6_k,down@0=q6_k"},
           Case{"down@1=int8,down=int8", "attention=bf16,gate_up=bf16,down=int8,output=bf16"},
           Case{"all=int4_g64:nearest", "all=int4_g64"},
           Case{"all=int3_g128:rank4:hqq:outliers8", "all=int3_g128:hqq:outliers8:rank4"},
           Case{"all=bf16,embeddings=int8,norms=bf16", "all=bf16,embeddings=int8,norms=bf16"},
       }) {
    EXPECT_EQ(to_text(policy(c.text)), c.shortest);
    EXPECT_EQ(policy(c.shortest), policy(c.text));
  }
}

TEST(PolicyTest, LaterAssignmentsWin) {
  const Policy p = policy("all=int8,mlp=int4_g32:gptq,gate_up@0-1=bf16,gate_up@1=q6_k");
  EXPECT_EQ(p.at(LayerKind::qkv, 3).format, &kInt8);
  EXPECT_EQ(p.at(LayerKind::gate_up, 0).format, &kBf16);
  EXPECT_EQ(p.at(LayerKind::gate_up, 1).format, &kQ6K);
  EXPECT_EQ(p.at(LayerKind::gate_up, 2).quantizer->name, "gptq");
  EXPECT_EQ(p.at(LayerKind::embeddings).format, &kF32);
  EXPECT_EQ(p.last_layer(), 1);
  EXPECT_TRUE(p.calibrated());
  EXPECT_EQ(p.formats().size(), 4u);
  EXPECT_EQ(policy("all=int8").formats().size(), 1u);
  EXPECT_EQ(policy("all=int8:outliers8").formats().back(), &kBf16);
}

TEST(PolicyTest, WrongTextIsRefusedWithWhatIsAllowed) {
  struct Case {
    std::string_view text, names;
  };
  for (const Case& c : {
           Case{"", "kind=format"},
           Case{"int8", "kind=format"},
           Case{"mlps=int8", "gate_up"},
           Case{"mlp=int7", "int4_g32"},
           Case{"mlp=int4_g32:gptx", "gptq"},
           Case{"mlp=int4_g32:ternary", "int2_g32:ternary"},
           Case{"down=int8:neurons25", "neurons of gate_up"},
           Case{"gate_up@1=int8:neurons25", "in all layers"},
           Case{"mlp=iq4_nl:wanda50", "a format that has a zero"},
           Case{"down@x=int8", "a layer from 0"},
           Case{"down@3-1=int8", "before it ends"},
           Case{"down@1-=int8", "a layer from 0"},
           Case{"down@99999=int8", "4095"},
           Case{"output@0=int8", "without @"},
           Case{"norms=int8", "f32 or bf16"},
           Case{"mlp=int8,", ""},
       }) {
    try {
      policy(c.text);
      EXPECT_TRUE(c.names.empty()) << c.text;  // a comma at the end does no harm
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find(c.names), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("test: found"), 0u) << error.what();
    }
  }
}

TEST(PolicyTest, UniformOnesTouchOnlyWhatIsOpen) {
  const std::vector<LayerKind> open{LayerKind::qkv, LayerKind::gate_up};
  std::set<std::string> texts;
  for (const Policy& p : uniform_policies(open)) {
    for (const LayerKind kind :
         {LayerKind::attention_output, LayerKind::down, LayerKind::output, LayerKind::embeddings}) {
      EXPECT_EQ(p.at(kind), Policy().at(kind));
    }
    EXPECT_EQ(p.at(LayerKind::qkv), p.at(LayerKind::gate_up));
    EXPECT_TRUE(texts.insert(to_text(p)).second) << to_text(p);
    EXPECT_EQ(policy(to_text(p)), p);
  }
  EXPECT_GT(texts.size(), 8u);
}

// Canonical policies are equal if they treat every layer of the model alike.
TEST(PolicyTest, AKindIsNamedByWhatMostOfItsLayersHave) {
  Target target{this_machine(), {}};
  target.model = {.n_layers = 4,
                  .d_model = 64,
                  .n_heads = 2,
                  .n_kv_heads = 2,
                  .head_dim = 32,
                  .d_ff = 128,
                  .vocab_size = 64,
                  .max_seq_len = 64};
  const auto canonical_text = [&](std::string_view text) {
    DeployConfig config;
    config.weights = policy(text);
    config = canonical(config, target);
    EXPECT_EQ(canonical(config, target), config);
    return to_text(config.weights);
  };
  EXPECT_EQ(canonical_text("all=int8,down@0-3=bf16"), canonical_text("all=int8,down=bf16"));
  EXPECT_EQ(canonical_text("all=bf16,qkv@1-3=int8"), canonical_text("qkv=int8,qkv@0=bf16"));
  EXPECT_EQ(canonical_text("all=q6_k:hqq"), "all=q6_k");
}

TEST(PolicyTest, ALayerBeyondTheModelIsRefused) {
  Target target{this_machine(), {}};
  target.model.n_layers = 4;
  DeployConfig config;
  config.weights = policy("all=bf16,down@4=int8");
  EXPECT_THROW(check_config(config, target), std::runtime_error);
}

TEST(PolicyTest, MethodsThatWouldBeIgnoredAreRefused) {
  const auto complaint = [](const char* text) -> std::string {
    try {
      check_methods(parse_policy(text, "--weights"), "--weights");
      return "";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(complaint("linear=int4_g32:gptq,output=q4_k:clip,norms=bf16,qkv=q6_k"), "");
  const std::string wrong = complaint("linear=int4_g32,down@1=q4_k:hqq");
  EXPECT_NE(wrong.find("--weights: found \"q4_k:hqq\", allowed: q4_k by nearest, clip"),
            std::string::npos)
      << wrong;
  EXPECT_NE(wrong.find("; hqq of "), std::string::npos) << wrong;
  EXPECT_NE(complaint("linear=bf16:gptq"), "");
}

}  // namespace
}  // namespace paretune
