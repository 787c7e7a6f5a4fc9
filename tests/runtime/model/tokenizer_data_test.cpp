#include "runtime/model/tokenizer_data.h"

#include <gtest/gtest.h>

#include "runtime/model/gguf_tokenizer.h"
#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

TEST(TokenizerData, PaddingFillsTheVocabulary) {
  TokenizerData data;
  data.tokens = {"a", "b"};
  finish_tokenizer(data, 4, "here");
  EXPECT_EQ(data.tokens, (std::vector<std::string>{"a", "b", "[PAD2]", "[PAD3]"}));
  EXPECT_EQ(data.token_types, (std::vector<int>{1, 1, 5, 5}));
  TokenizerData more;
  more.tokens = {"a", "b"};
  expect_error([&] { finish_tokenizer(more, 1, "here"); },
               "here: the tokenizer has 2 tokens, but the model's");
}

TEST(TokenizerData, EndsOfTurnAreFoundByTheirText) {
  TokenizerData data;
  data.tokens = {"<|im_end|>", "x", "<|eot_id|>", "<|endoftext|>"};
  data.token_types = {3, 1, 3, 1};  // the last is plain text
  data.eos_id = 1;
  finish_tokenizer(data, 4, "here");
  EXPECT_EQ(data.eog_ids, (std::vector<int>{0, 1, 2}));
}

TEST(TokenizerData, GgufKeysAreRead) {
  GgufBuilder file = tiny_gguf();
  file.put_bool("tokenizer.ggml.add_bos_token", false);
  file.put_bool("tokenizer.ggml.add_eos_token", true);
  file.put_bool("tokenizer.ggml.add_space_prefix", false);
  file.put_u32("tokenizer.ggml.padding_token_id", 0xffffffff);  // how old writers say: none
  file.put_u32("tokenizer.ggml.eot_token_id", 5);
  const Bytes bytes = file.build();
  const TokenizerData data = read_gguf_tokenizer(Gguf(bytes, "test.gguf"));
  EXPECT_EQ(data.kind, TokenizerData::Kind::sentencepiece);
  EXPECT_EQ(data.tokens[5], "ab");
  EXPECT_EQ(data.scores, (std::vector<float>{0, 0, 0, -1, -2, -3}));
  EXPECT_EQ(data.token_types, (std::vector<int>{2, 3, 3, 1, 1, 1}));
  EXPECT_EQ(data.unk_id, 0);
  EXPECT_EQ(data.bos_id, 1);
  EXPECT_EQ(data.eos_id, 2);
  EXPECT_EQ(data.pad_id, -1);
  EXPECT_EQ(data.eog_ids, (std::vector<int>{2, 5}));
  EXPECT_FALSE(data.add_bos);
  EXPECT_TRUE(data.add_eos);
  EXPECT_FALSE(data.add_space_prefix);
}

TEST(TokenizerData, Llama3BeginsWithBosAndIgnoresMerges) {
  GgufBuilder file = tiny_gguf();
  file.put_string("tokenizer.ggml.model", "gpt2");
  file.put_array<std::string>("tokenizer.ggml.merges", 8, {"a b"});
  for (const auto& [pre, llama3] :
       {std::pair{"llama-bpe", true}, {"qwen2", false}, {"smollm", false}}) {
    file.put_string("tokenizer.ggml.pre", pre);
    const Bytes bytes = file.build();
    const TokenizerData data = read_gguf_tokenizer(Gguf(bytes, "test.gguf"));
    EXPECT_EQ(data.kind, TokenizerData::Kind::bpe);
    EXPECT_EQ(data.pre_tokenizer, pre);
    EXPECT_EQ(data.merges, (std::vector<std::string>{"a b"}));
    EXPECT_EQ(data.add_bos, llama3) << pre;
    EXPECT_EQ(data.ignore_merges, llama3) << pre;
  }
}

}  // namespace
}  // namespace paretune
