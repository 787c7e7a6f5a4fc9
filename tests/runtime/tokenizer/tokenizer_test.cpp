#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/tokenizer/tokenizer_json.h"
#include "tests/runtime/tokenizer/samples.h"

namespace paretune {
namespace {

using Ids = std::vector<int>;

std::vector<std::string> split_on(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + separator.size();
  }
}

// llama.cpp's vectors: texts, and for each a line of the ids that its tokenizer gives.
void check_vectors(const std::string& vocabulary) {
  const std::string path =
      "../shared/tokenizers/llama.cpp-vocab/ggml-vocab-" + vocabulary + ".gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: " << path << " is not here";
  const Tokenizer tokenizer(gguf_tokenizer_data(path));
  const auto texts = split_on(read_text(path + ".inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split_on(read_text(path + ".out"), "\n");
  ASSERT_GE(lines.size(), texts.size());
  ASSERT_GT(texts.size(), 40u);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::istringstream line(lines[i]);
    Ids expected;
    for (int id; line >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer.encode(texts[i]), expected) << "text " << i << ": " << texts[i];
    EXPECT_EQ(tokenizer.decode(expected), texts[i]);
  }
}

TEST(Tokenizer, AgreesWithLlamaCppOnGpt2) { check_vectors("gpt-2"); }
TEST(Tokenizer, AgreesWithLlamaCppOnLlamaSentencePiece) { check_vectors("llama-spm"); }

TEST(Tokenizer, RefusesWordPieceByName) {
  const std::string path = "../shared/tokenizers/llama.cpp-vocab/ggml-vocab-bert-bge.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: " << path << " is not here";
  try {
    Tokenizer tokenizer(gguf_tokenizer_data(path));
    FAIL() << "accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("bert"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("gpt2"), std::string::npos) << e.what();
  }
}

TEST(Tokenizer, GivesTheDemoModelsGoldenIds) {
  const Tokenizer tokenizer(gguf_tokenizer_data("workloads/demo/demo.gguf"));
  const auto golden = nlohmann::json::parse(read_text("workloads/demo/golden.json"));
  for (const auto& item : golden["items"]) {
    Ids ids{*tokenizer.special_token("<|im_start|>")};
    const auto append = [&](const Ids& more) { ids.insert(ids.end(), more.begin(), more.end()); };
    append(tokenizer.encode("user\n" + item["prompt"].get<std::string>()));
    ids.push_back(*tokenizer.special_token("<|im_end|>"));
    append(tokenizer.encode("\n"));
    ids.push_back(*tokenizer.special_token("<|im_start|>"));
    append(tokenizer.encode("assistant\n"));
    EXPECT_EQ(ids, item["ids"].get<Ids>());
    EXPECT_EQ(tokenizer.decode(item["greedy_ids"].get<Ids>()), item["greedy_text"]);
  }
}

TEST(Tokenizer, DemoGgufAndTokenizerJsonAgree) {
  const std::string path = "../shared/demo-model/hf/tokenizer.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: " << path << " is not here";
  const Tokenizer from_gguf(gguf_tokenizer_data("workloads/demo/demo.gguf"));
  const Tokenizer from_json(parse_tokenizer_json(read_text(path), path));
  int texts = 0;
  for (const auto& file : std::filesystem::directory_iterator("workloads/demo/evals")) {
    for (const std::string& line : split_on(read_text(file.path()), "\n")) {
      if (line.empty()) continue;
      const auto question = nlohmann::json::parse(line);
      for (const char* key : {"prompt", "text"}) {
        if (!question.contains(key)) continue;
        const auto text = question[key].get<std::string>();
        const Ids ids = from_gguf.encode(text);
        ASSERT_EQ(ids, from_json.encode(text)) << text;
        ASSERT_EQ(from_json.decode(ids), text);
        ++texts;
      }
    }
  }
  EXPECT_GT(texts, 1000);
}

void check_golden(const Tokenizer& tokenizer, const std::string& model) {
  const auto golden =
      nlohmann::json::parse(read_text("../shared/golden/llama-fp64/" + model + ".json"));
  for (const auto& prompt : golden["prompts"]) {
    EXPECT_EQ(tokenizer.encode_prompt(prompt["text"].get<std::string>()), prompt["ids"].get<Ids>());
    EXPECT_EQ(tokenizer.decode(prompt["ids"].get<Ids>()), prompt["text"]);
  }
}

TEST(Tokenizer, GivesGoldenIdsOfStories260K) {
  const std::string path = "../shared/models/stories260K/stories260K_vespa_tinyllm.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: " << path << " is not here";
  check_golden(Tokenizer(gguf_tokenizer_data(path)), "stories260K");
}

TEST(Tokenizer, GivesGoldenIdsOfTinyStories656K) {
  const std::string path = "../shared/models/tinystories-656k/tokenizer.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: " << path << " is not here";
  check_golden(Tokenizer(parse_tokenizer_json(read_text(path), path)), "tinystories-656k");
}

TEST(Tokenizer, TextNeverYieldsControlTokens) {
  auto data = byte_level("gpt-2", {}, {"<|im_end|>", "</s>"});
  data.eos_id = 256;
  const Tokenizer bpe(data);
  EXPECT_EQ(bpe.encode("</s>"), (Ids{'<', '/', 's', '>'}));
  EXPECT_EQ(bpe.encode("<|im_end|>").size(), 10u);
  EXPECT_EQ(bpe.special_token("<|im_end|>"), 256);
  EXPECT_EQ(bpe.special_token("<|im_start|>"), std::nullopt);
  EXPECT_TRUE(bpe.is_control(256));
  EXPECT_TRUE(bpe.is_end_of_generation(256));
  EXPECT_EQ(bpe.token_bytes(256), "");

  // Every part of "</s>" is a piece, and still the control token is not made of them.
  const Tokenizer spm(sentencepiece({"<", "/", "s", ">", "</", "</s", "s>", "▁"}));
  for (int id : spm.encode("</s>")) EXPECT_FALSE(spm.is_control(id));
  EXPECT_EQ(spm.decode(spm.encode("</s>")), "</s>");
}

TEST(Tokenizer, EndOfTurnMarkedAsNormalIsStillControl) {
  auto data = byte_level("llama-bpe");
  data.tokens.push_back("ab");  // a whole word of the vocabulary, which llama-bpe would take
  data.token_types.push_back(TokenizerData::kNormal);
  EXPECT_EQ(Tokenizer(data).encode("ab"), Ids{256});
  data.eog_ids = {256};
  EXPECT_EQ(Tokenizer(data).encode("ab"), (Ids{'a', 'b'}));
}

TEST(Tokenizer, UserDefinedTokensAreVocabulary) {
  auto data = byte_level("gpt-2");
  for (const char* token : {"<think>", "<think>x"}) {
    data.tokens.push_back(token);
    data.token_types.push_back(TokenizerData::kUserDefined);
  }
  const Tokenizer tokenizer(data);
  EXPECT_EQ(tokenizer.encode("a<think>b<think>x"), (Ids{'a', 256, 'b', 257}));
  EXPECT_EQ(tokenizer.decode(Ids{'a', 256}), "a<think>");
}

TEST(Tokenizer, MergesByRankNotByLength) {
  // "abc": "b c" comes first, so "ab" is never made.
  const Tokenizer tokenizer(byte_level("gpt-2", {"b c", "a b", "a bc"}));
  EXPECT_EQ(tokenizer.encode("abc"), Ids{258});
  EXPECT_EQ(tokenizer.encode("ab"), Ids{257});
  EXPECT_EQ(tokenizer.encode("bab"), (Ids{'b', 257}));
}

TEST(Tokenizer, BytesThatAreNotUtf8PassThrough) {
  const std::string text = "a\xFF\xC3(\xE2\x96";
  const Tokenizer bpe(byte_level("gpt-2"));
  EXPECT_EQ(bpe.decode(bpe.encode(text)), text);
  const Tokenizer normalized(byte_level("qwen2"));
  EXPECT_EQ(normalized.decode(normalized.encode(text)), text);
  const Tokenizer spm(sentencepiece({"▁", "a"}));
  EXPECT_EQ(spm.encode("\xFF"), (Ids{259, 3 + 0xFF}));
  EXPECT_EQ(spm.decode(spm.encode(text)), text);
}

TEST(Tokenizer, Qwen2NormalizesToNfc) {
  const Tokenizer qwen(byte_level("qwen2"));
  EXPECT_EQ(qwen.encode("e\u0301"), qwen.encode("\u00E9"));
  const Tokenizer gpt2(byte_level("gpt-2"));
  EXPECT_NE(gpt2.encode("e\u0301"), gpt2.encode("\u00E9"));
}

TEST(Tokenizer, SentencePieceStartsWithASpaceIfTold) {
  auto data = sentencepiece({"▁", "a", "▁a"});
  EXPECT_EQ(Tokenizer(data).encode("a a"), (Ids{261, 261}));
  EXPECT_EQ(Tokenizer(data).encode(""), Ids{});
  EXPECT_EQ(Tokenizer(data).encode_prompt("a"), (Ids{1, 261}));
  EXPECT_EQ(Tokenizer(data).decode(Ids{1, 261, 261}), "a a");
  data.add_space_prefix = false;
  EXPECT_EQ(Tokenizer(data).encode("a a"), (Ids{260, 261}));
  EXPECT_EQ(Tokenizer(data).decode(Ids{261}), " a");
}

TEST(Tokenizer, UnknownCharactersInARowAreOneToken) {
  auto data = sentencepiece({"▁", "a"});
  data.token_types.assign(data.tokens.size(), TokenizerData::kNormal);  // no byte tokens
  data.token_types[0] = TokenizerData::kUnknown;
  EXPECT_EQ(Tokenizer(data).encode("ééaé"), (Ids{259, 0, 260, 0}));
}

TEST(Tokenizer, AMegabyteOfOneLetterIsQuick) {
  const std::string text(1 << 20, 'a');
  const Tokenizer bpe(byte_level("gpt-2", {"a a", "aa aa", "aaaa aaaa"}));
  EXPECT_EQ(bpe.encode(text).size(), text.size() / 8);
  const Tokenizer spm(sentencepiece({"aaaa", "aa", "a", "▁"}));
  EXPECT_EQ(spm.encode(text).size(), text.size() / 4 + 1);
}

TEST(Tokenizer, RefusesWhatContradictsItself) {
  const auto refused = [](TokenizerData data, const std::string& naming) {
    try {
      Tokenizer tokenizer(std::move(data));
      ADD_FAILURE() << "accepted: " << naming;
    } catch (const std::runtime_error& e) {
      EXPECT_NE(std::string(e.what()).find(naming), std::string::npos) << e.what();
    }
  };
  refused(TokenizerData{}, "no tokens");
  refused(byte_level("tekken"), "unsupported pre-tokenizer \"tekken\"; supported: gpt-2");
  refused(byte_level(""), "does not name its pre-tokenizer");
  auto data = byte_level("gpt-2", {"a b"});
  data.merges[0] = "ab";
  refused(data, "merges[0] \"ab\"");
  data.merges[0] = "a xx";
  refused(data, "merges[0] \"a xx\"");
  data = byte_level("gpt-2");
  data.bos_id = 256;
  refused(data, "256");
  data = sentencepiece({"a"});
  data.scores.pop_back();
  refused(data, "scores");
  data = sentencepiece({"a"});
  data.scores.clear();
  refused(data, "neither scores nor merges");
  data = sentencepiece({"a"});
  data.scores.back() = std::nanf("");
  refused(data, "not a number");
}

}  // namespace
}  // namespace paretune
