// What a model file says about its tokenizer, in GGUF's terms: the vocabulary and its rules, not
// the algorithm.
#pragma once

#include <string>
#include <vector>

namespace paretune {

struct TokenizerData {
  enum class Kind { bpe, sentencepiece };  // tokenizer.ggml.model: gpt2, llama

  // GGUF's token type codes.
  static constexpr int kNormal = 1;
  static constexpr int kUnknown = 2;
  static constexpr int kControl = 3;
  static constexpr int kUserDefined = 4;
  static constexpr int kUnused = 5;
  static constexpr int kByte = 6;

  Kind kind = Kind::bpe;
  std::vector<std::string>
      tokens;  // as many as the model's vocab_size; byte-level BPE in GPT-2's printable alphabet
  std::vector<float> scores;        // empty, or one per token (sentencepiece)
  std::vector<int> token_types;     // one per token
  std::vector<std::string> merges;  // "left right", best first (bpe)
  std::string pre_tokenizer;  // tokenizer.ggml.pre: "smollm", "llama-bpe", "qwen2", "gpt-2"...

  // Token ids below tokens.size(); -1: there is none.
  int bos_id = -1;
  int eos_id = -1;
  int unk_id = -1;
  int pad_id = -1;
  std::vector<int> eog_ids;  // any of these ends a generation; sorted, eos_id among them

  bool add_bos = false;
  bool add_eos = false;
  bool add_space_prefix = true;  // sentencepiece: a text starts with a space
  bool ignore_merges = false;    // bpe, Llama 3: a whole word in the vocabulary is taken as it is

  bool operator==(const TokenizerData&) const = default;
};

// Checks the lists and ids against each other and against vocab_size, fills tokens up to it with
// unused ones ("[PAD7]": embeddings are often padded), and completes eog_ids with eos_id and the
// tokens that chat models end a turn with. Throws std::runtime_error "<where>: ...".
void finish_tokenizer(TokenizerData& data, int vocab_size, const std::string& where);

}  // namespace paretune
