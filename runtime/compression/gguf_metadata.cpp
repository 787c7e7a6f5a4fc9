#include "runtime/compression/gguf_metadata.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "runtime/model/gguf_tokenizer.h"
#include "runtime/model/rope_scaling.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

// What all of RoPE's frequencies are divided by; nullopt: by different numbers.
std::optional<float> linear_factor(const ModelShape& shape) {
  const float first = shape.rope_inverse_frequencies.front();  // theta^0 without scaling
  if (!(first > 0)) return std::nullopt;
  double factor = 1.0 / double(first);
  if (std::fabs(factor - std::round(factor)) < 1e-6 * factor) factor = std::round(factor);
  factor = static_cast<float>(factor);  // as the file holds it
  const RopeScaling scaling{.kind = RopeScaling::Kind::linear, .factor = factor};
  if (factor < 1 || rope_inverse_frequencies(shape.head_dim, shape.rope_theta, scaling, "RoPE") !=
                        shape.rope_inverse_frequencies)
    return std::nullopt;
  return static_cast<float>(factor);
}

void put_shape(GgufPairs& pairs, const ModelShape& shape, const std::string& where) {
  const std::string prefix = shape.architecture + ".";
  const auto put_size = [&](const char* key, int size) {
    pairs.put(prefix + key, static_cast<std::uint32_t>(size));
  };
  pairs.put("general.architecture", shape.architecture);
  put_size("block_count", shape.n_layers);
  put_size("context_length", shape.max_seq_len);
  put_size("embedding_length", shape.d_model);
  pairs.put(gguf_width_key(shape), static_cast<std::uint32_t>(shape.d_ff));
  put_size("attention.head_count", shape.n_heads);
  put_size("attention.head_count_kv", shape.n_kv_heads);
  put_size("attention.key_length", shape.head_dim);
  put_size("attention.value_length", shape.head_dim);
  pairs.put(prefix + "attention.layer_norm_rms_epsilon", shape.rms_epsilon);
  put_size("rope.dimension_count", shape.head_dim);
  pairs.put(prefix + "rope.freq_base", shape.rope_theta);
  if (const std::optional<float> factor = linear_factor(shape); factor && *factor != 1) {
    pairs.put(prefix + "rope.scaling.type", "linear");
    pairs.put(prefix + "rope.scaling.factor", *factor);
  }
  put_size("vocab_size", shape.vocab_size);
  if (shape.n_experts == 0) return;
  if (!shape.renormalized_experts)
    refuse(where, "experts whose weights do not add up to 1",
           "models that renormalize them: readers of GGUF do, whatever its keys say");
  put_size("expert_count", shape.n_experts);
  put_size("expert_used_count", shape.n_experts_used);
  // Old readers want it whatever the experts.
  if (shape.architecture != "llama") put_size("feed_forward_length", shape.d_ff);
}

void put_tokenizer(GgufPairs& pairs, const TokenizerData& data, const std::string& where) {
  const bool pieces = data.kind == TokenizerData::Kind::sentencepiece;
  pairs.put("tokenizer.ggml.model", pieces ? "llama" : "gpt2");
  if (!data.pre_tokenizer.empty()) pairs.put("tokenizer.ggml.pre", data.pre_tokenizer);
  pairs.put("tokenizer.ggml.tokens", data.tokens);
  pairs.put("tokenizer.ggml.token_type", data.token_types);
  if (pieces) {
    pairs.put("tokenizer.ggml.scores", scores_of_merges(data));
    pairs.put(kGgufMergesKey, data.merges);
  } else {
    if (data.ignore_merges != takes_whole_words(data.pre_tokenizer))
      refuse(where,
             std::string("ignore_merges ") + (data.ignore_merges ? "true" : "false") +
                 " with the pre-tokenizer " + in_double_quotes(data.pre_tokenizer),
             "what GGUF's readers take it for by that name");
    pairs.put("tokenizer.ggml.merges", data.merges);
  }
  const auto put_id = [&](const char* key, int id) {
    if (id >= 0) pairs.put(key, static_cast<std::uint32_t>(id));
  };
  put_id("tokenizer.ggml.bos_token_id", data.bos_id);
  put_id("tokenizer.ggml.eos_token_id", data.eos_id);
  put_id("tokenizer.ggml.unknown_token_id", data.unk_id);
  put_id("tokenizer.ggml.padding_token_id", data.pad_id);
  pairs.put_bool("tokenizer.ggml.add_bos_token", data.add_bos);
  pairs.put_bool("tokenizer.ggml.add_eos_token", data.add_eos);
  pairs.put_bool("tokenizer.ggml.add_space_prefix", data.add_space_prefix);
  // llama.cpp knows one end of a turn beside the end of the text; we know them all.
  const auto turn = std::ranges::find_if(data.eog_ids, [&](int id) { return id != data.eos_id; });
  if (turn == data.eog_ids.end()) return;
  put_id("tokenizer.ggml.eot_token_id", *turn);
  pairs.put("tokenizer.ggml.eog_token_ids", data.eog_ids);
}

}  // namespace

std::string gguf_width_key(const ModelShape& shape) {
  const bool own_key = shape.n_experts > 0 && shape.architecture != "llama";
  return shape.architecture + (own_key ? ".expert_feed_forward_length" : ".feed_forward_length");
}

std::vector<float> rope_divisors(const ModelShape& shape) {
  if (linear_factor(shape)) return {};
  std::vector<float> divisors =
      rope_inverse_frequencies(shape.head_dim, shape.rope_theta, {}, "RoPE");
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    const float plain = divisors[i], scaled = shape.rope_inverse_frequencies[i];
    // The quotient that gives the frequency back, where there is one.
    const float near = plain / scaled;
    divisors[i] = near;
    for (const float one : {near, std::nextafter(near, 0.0f), std::nextafter(near, 2 * near)}) {
      if (plain / one != scaled) continue;
      divisors[i] = one;
      break;
    }
  }
  return divisors;
}

std::vector<float> scores_of_merges(const TokenizerData& data) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t id = 0; id < data.tokens.size(); ++id) ids.emplace(data.tokens[id], id);
  std::vector<float> scores(data.tokens.size(), -1 - static_cast<float>(data.merges.size()));
  for (std::size_t rank = data.merges.size(); rank-- > 0;) {
    std::string made = data.merges[rank];
    made.erase(made.find(' '), 1);
    if (const auto found = ids.find(made); found != ids.end())
      scores[found->second] = -1 - static_cast<float>(rank);
  }
  return scores;
}

GgufPairs gguf_metadata(const ModelSource& source) {
  const std::string where = source.path().string();
  GgufPairs pairs;
  put_shape(pairs, source.shape(), where);
  put_tokenizer(pairs, source.tokenizer(), where);
  if (source.chat_template()) pairs.put("tokenizer.chat_template", *source.chat_template());
  return pairs;
}

}  // namespace paretune
