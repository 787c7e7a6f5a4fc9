#include "runtime/model/gguf_model.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "runtime/model/architectures.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/gguf_tokenizer.h"
#include "runtime/model/rope_scaling.h"

namespace paretune {
namespace {

constexpr std::string_view kRopeFactors = "rope_freqs.weight";

// <architecture>.* keys that change what the model computes in ways we do not run.
constexpr std::array<std::string_view, 9> kUnsupportedKeys{
    "expert_shared_count", "expert_weights_scale", "leading_dense_block_count",
    "logit_scale",         "residual_scale",       "embedding_scale",
    "attention.scale",     "attention.clamp_kqv",  "expert_group_count"};

[[noreturn]] void fail(const Gguf& gguf, const std::string& problem) {
  throw std::runtime_error(gguf.name() + ": " + problem);
}

// Hyper-parameters of one architecture, its name before each key.
class Parameters {
 public:
  Parameters(const Gguf& gguf, std::string_view architecture)
      : gguf_(gguf), prefix_(std::string(architecture) + ".") {}

  int get_size(std::string_view key) const {
    const auto size = find_size(key);
    if (!size) fail(gguf_, "the key " + in_quotes(prefix_ + std::string(key)) + " is missing");
    return *size;
  }

  std::optional<int> find_size(std::string_view key) const {
    const std::string full = prefix_ + std::string(key);
    const auto value = gguf_.find_int(full);
    if (!value) return std::nullopt;
    if (*value < 0 || *value > std::numeric_limits<int>::max()) {
      fail(gguf_, in_quotes(full) + " is " + std::to_string(*value) + "; allowed: 0 to 2^31 - 1");
    }
    return static_cast<int>(*value);
  }

  double get_float(std::string_view key) const {
    return gguf_.get_float(prefix_ + std::string(key));
  }
  std::optional<double> find_float(std::string_view key) const {
    return gguf_.find_float(prefix_ + std::string(key));
  }
  std::optional<std::string> find_string(std::string_view key) const {
    return gguf_.find_string(prefix_ + std::string(key));
  }
  void refuse_unsupported() const {
    for (const std::string_view key : kUnsupportedKeys) {
      if (find_float(key).value_or(0) != 0) {
        fail(gguf_, "the key " + in_quotes(prefix_ + std::string(key)) +
                        " is set, which is not supported");
      }
    }
  }

 private:
  const Gguf& gguf_;
  std::string prefix_;
};

RopeScaling read_rope_scaling(const Gguf& gguf, const Parameters& parameters) {
  RopeScaling scaling;
  const std::string kind = parameters.find_string("rope.scaling.type").value_or("none");
  scaling.kind = rope_scaling_kind(kind, gguf.name());
  scaling.factor = parameters.find_float("rope.scaling.factor").value_or(1);
  if (const auto old = parameters.find_float("rope.scale_linear"); old && *old != 1) {
    scaling = {.kind = RopeScaling::Kind::linear, .factor = *old};
  }
  // Llama 3's stretching comes as a tensor of divisors instead.
  if (scaling.kind == RopeScaling::Kind::llama3)
    fail(gguf, "'rope.scaling.type' is llama3, which is not of GGUF");
  return scaling;
}

// Llama 3: the file carries head_dim / 2 numbers that divide the frequencies.
void divide_by_factors(const Gguf& gguf, const FileTensor& factors,
                       std::vector<float>& frequencies) {
  if (factors.dims != std::vector<std::uint64_t>{frequencies.size()}) {
    fail(gguf, "the tensor 'rope_freqs.weight' must hold head_dim / 2 = " +
                   std::to_string(frequencies.size()) + " numbers");
  }
  std::vector<float> divisors(frequencies.size());
  factors.type->to_float(factors.data, divisors);
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= divisors[i];
}

ModelShape read_shape(const Gguf& gguf, const Architecture& architecture, int vocab_size) {
  const Parameters parameters(gguf, architecture.name);
  parameters.refuse_unsupported();
  ModelShape shape;
  shape.architecture = architecture.name;
  shape.n_layers = parameters.get_size("block_count");
  shape.d_model = parameters.get_size("embedding_length");
  shape.n_heads = parameters.get_size("attention.head_count");
  shape.n_kv_heads = parameters.find_size("attention.head_count_kv").value_or(shape.n_heads);
  shape.n_experts = parameters.find_size("expert_count").value_or(0);
  if (shape.n_experts > 0) shape.n_experts_used = parameters.get_size("expert_used_count");
  const auto expert_width = parameters.find_size("expert_feed_forward_length");
  shape.d_ff = shape.n_experts > 0 && expert_width ? *expert_width
                                                   : parameters.get_size("feed_forward_length");
  shape.max_seq_len = parameters.get_size("context_length");
  shape.vocab_size = vocab_size;
  shape.rms_epsilon = static_cast<float>(parameters.get_float("attention.layer_norm_rms_epsilon"));
  shape.rope_theta = static_cast<float>(parameters.find_float("rope.freq_base").value_or(10000));

  if (shape.n_heads < 1 || shape.n_kv_heads < 1) fail(gguf, "the model has no attention heads");
  shape.head_dim =
      parameters.find_size("attention.key_length").value_or(shape.d_model / shape.n_heads);
  const int value_length = parameters.find_size("attention.value_length").value_or(shape.head_dim);
  const int rotated = parameters.find_size("rope.dimension_count").value_or(shape.head_dim);
  if (value_length != shape.head_dim || rotated != shape.head_dim) {
    fail(gguf, "keys have " + std::to_string(shape.head_dim) + " dimensions, values " +
                   std::to_string(value_length) + " and RoPE rotates " + std::to_string(rotated) +
                   ": only equal ones are supported");
  }
  if (const int listed = parameters.find_size("vocab_size").value_or(vocab_size);
      listed != vocab_size) {
    fail(gguf, "'" + shape.architecture + ".vocab_size' is " + std::to_string(listed) +
                   ", but there are " + std::to_string(vocab_size) + " tokens");
  }
  // Attention that sees the last `window` positions only is full attention while the sequence is no
  // longer.
  if (const int window = parameters.find_size("attention.sliding_window").value_or(0); window > 0) {
    shape.max_seq_len = std::min(shape.max_seq_len, window);
  }

  const TensorMap& tensors = gguf.tensors();
  shape.tied_output = !tensors.contains("output.weight");
  shape.qkv_bias = architecture.qkv_bias || tensors.contains("blk.0.attn_q.bias");
  shape.qk_norm = architecture.qk_norm;
  // Before the frequencies are made, as their number is head_dim / 2.
  if (shape.head_dim > 1 << 12)
    fail(gguf, "heads of " + std::to_string(shape.head_dim) + " dimensions; allowed: 4096");
  shape.rope_inverse_frequencies = rope_inverse_frequencies(
      shape.head_dim, shape.rope_theta, read_rope_scaling(gguf, parameters), gguf.name());
  if (const auto factors = tensors.find(kRopeFactors); factors != tensors.end()) {
    divide_by_factors(gguf, factors->second, shape.rope_inverse_frequencies);
  }
  check_shape(shape, gguf.name());
  return shape;
}

}  // namespace

ModelContents read_gguf_model(const Gguf& gguf) {
  const Architecture& architecture =
      architecture_of_gguf(gguf.get_string("general.architecture"), gguf.name());
  if (gguf.find_int("split.count").value_or(1) > 1) {
    fail(gguf,
         "is one part of a split model; merge the parts with `llama-gguf-split --merge` first");
  }
  ModelContents contents;
  contents.tokenizer = read_gguf_tokenizer(gguf);
  contents.shape =
      read_shape(gguf, architecture, static_cast<int>(contents.tokenizer.tokens.size()));
  contents.chat_template = gguf.find_string("tokenizer.chat_template");
  contents.interleaved_qk = architecture.interleaved_gguf;
  TensorMap tensors = gguf.tensors();
  tensors.erase(std::string(kRopeFactors));
  contents.weights = locate_weights(contents.shape, tensors, &WeightInfo::gguf, gguf.name());
  return contents;
}

}  // namespace paretune
