#include "runtime/model/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

// Pre-tokenizers whose models take whole words from the vocabulary and begin with BOS, though their
// files do not say so (llama.cpp, llama-vocab.cpp).
constexpr std::array<std::string_view, 3> kLlama3Names{"llama-bpe", "llama3", "llama-v3"};

TokenizerData::Kind read_kind(const Gguf& gguf) {
  const std::string model = gguf.get_string("tokenizer.ggml.model");
  if (model == "gpt2") return TokenizerData::Kind::bpe;
  if (model == "llama") return TokenizerData::Kind::sentencepiece;
  throw std::runtime_error(gguf.name() + ": the tokenizer " + in_quotes(model) +
                           " is not supported (supported: gpt2, llama)");
}

// -1: there is none. Writers say so by leaving the key out, or by 2^32 - 1.
int read_id(const Gguf& gguf, const std::string& key) {
  const std::int64_t id = gguf.find_int(key).value_or(-1);
  if (id == std::numeric_limits<std::uint32_t>::max()) return -1;
  if (id < -1 || id > std::numeric_limits<int>::max()) {
    throw std::runtime_error(gguf.name() + ": " + in_quotes(key) + " is " + std::to_string(id) +
                             ", which is no token id");
  }
  return static_cast<int>(id);
}

std::vector<int> read_types(const Gguf& gguf) {
  std::vector<int> types;
  for (const std::int64_t type :
       gguf.find_ints("tokenizer.ggml.token_type").value_or(std::vector<std::int64_t>{})) {
    types.push_back(static_cast<int>(
        std::clamp<std::int64_t>(type, -1, 255)));  // finish_tokenizer refuses the ends
  }
  return types;
}

std::vector<float> read_scores(const Gguf& gguf) {
  std::vector<float> scores;
  for (const double score :
       gguf.find_floats("tokenizer.ggml.scores").value_or(std::vector<double>{})) {
    scores.push_back(static_cast<float>(score));
  }
  return scores;
}

}  // namespace

bool takes_whole_words(std::string_view pre_tokenizer) {
  return std::ranges::find(kLlama3Names, pre_tokenizer) != kLlama3Names.end();
}

TokenizerData read_gguf_tokenizer(const Gguf& gguf) {
  TokenizerData data;
  data.kind = read_kind(gguf);
  const auto* tokens = gguf.find_strings("tokenizer.ggml.tokens");
  if (!tokens)
    throw std::runtime_error(gguf.name() + ": the key 'tokenizer.ggml.tokens' is missing");
  if (tokens->size() > std::numeric_limits<int>::max()) {
    throw std::runtime_error(gguf.name() + ": too many tokens");
  }
  data.tokens = *tokens;
  data.token_types = read_types(gguf);
  data.pre_tokenizer = gguf.find_string("tokenizer.ggml.pre").value_or("");
  if (data.kind == TokenizerData::Kind::sentencepiece) {
    data.scores = read_scores(gguf);
    if (data.scores.empty())
      throw std::runtime_error(gguf.name() + ": the key 'tokenizer.ggml.scores' is missing");
    data.add_bos = true;
    if (const auto* merges = gguf.find_strings(kGgufMergesKey)) {
      data.merges = *merges;
      data.scores.clear();
    }
  } else {
    if (const auto* merges = gguf.find_strings("tokenizer.ggml.merges")) data.merges = *merges;
    const bool llama3 = takes_whole_words(data.pre_tokenizer);
    data.ignore_merges = llama3;
    data.add_bos = llama3;
  }
  data.add_bos = gguf.find_bool("tokenizer.ggml.add_bos_token").value_or(data.add_bos);
  data.add_eos = gguf.find_bool("tokenizer.ggml.add_eos_token").value_or(false);
  data.add_space_prefix = gguf.find_bool("tokenizer.ggml.add_space_prefix").value_or(true);

  data.bos_id = read_id(gguf, "tokenizer.ggml.bos_token_id");
  data.eos_id = read_id(gguf, "tokenizer.ggml.eos_token_id");
  data.unk_id = read_id(gguf, "tokenizer.ggml.unknown_token_id");
  data.pad_id = read_id(gguf, "tokenizer.ggml.padding_token_id");
  for (const char* key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const int id = read_id(gguf, key); id >= 0) data.eog_ids.push_back(id);
  }
  if (const auto ids = gguf.find_ints("tokenizer.ggml.eog_token_ids")) {
    for (const std::int64_t id : *ids) {
      data.eog_ids.push_back(
          static_cast<int>(std::clamp<std::int64_t>(id, -1, std::numeric_limits<int>::max())));
    }
  }
  finish_tokenizer(data, static_cast<int>(data.tokens.size()), gguf.name());
  return data;
}

}  // namespace paretune
