#include "runtime/model/hugging_face_config.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/model/architectures.h"
#include "runtime/model/byte_reader.h"
#include "runtime/model/json_text.h"
#include "runtime/model/rope_scaling.h"

namespace paretune {
namespace {

void refuse_unsupported(const JsonReader& config, const Architecture& architecture) {
  if (const nlohmann::json* quantization = config.find("quantization_config")) {
    const JsonReader own(*quantization, config.file() + ": $.quantization_config");
    if (!quantization->is_object()) own.fail("must be an object");
    const std::string method = own.find_string("quant_method").value_or("");
    const bool float8 = method == "fp8" || (method == "compressed-tensors" &&
                                            own.find_string("format") == "float-quantized");
    if (!float8) {
      own.fail("$.quant_method is " + in_quotes(method) +
               ", which is not supported (supported: fp8, compressed-tensors of the format "
               "float-quantized); use the original folder, or GGUF");
    }
  }
  if (const std::string act = config.find_string("hidden_act").value_or("silu"); act != "silu") {
    config.fail("$.hidden_act is " + in_quotes(act) + ", which is not supported (supported: silu)");
  }
  if (config.find_bool("mlp_bias").value_or(false))
    config.fail("$.mlp_bias: true is not supported");
  // Here it means a bias of the attention's output as well.
  if (!architecture.qkv_bias && config.find_bool("attention_bias").value_or(false)) {
    config.fail("$.attention_bias: true is not supported");
  }
  if (const nlohmann::json* partial = config.find("partial_rotary_factor");
      partial && *partial != 1) {
    config.fail("$.partial_rotary_factor other than 1 is not supported");
  }
}

// Mixtral and Qwen3-MoE.
void read_experts(const JsonReader& config, ModelShape& shape) {
  for (const char* key : {"num_local_experts", "num_experts"}) {
    if (const auto count = config.find_int(key)) shape.n_experts = *count;
  }
  if (shape.n_experts == 0) return;
  shape.n_experts_used = config.get_int("num_experts_per_tok");
  shape.d_ff = config.find_int("moe_intermediate_size").value_or(shape.d_ff);
  // Mixtral has no such key and always does; Qwen3-MoE's default is false.
  shape.renormalized_experts =
      config.find_bool("norm_topk_prob").value_or(shape.architecture == "llama");
  if (config.find_int("decoder_sparse_step").value_or(1) != 1) {
    config.fail("$.decoder_sparse_step other than 1 is not supported");
  }
  if (const nlohmann::json* dense = config.find("mlp_only_layers"); dense && !dense->empty()) {
    config.fail("$.mlp_only_layers: layers without experts are not supported");
  }
}

// The positions a token attends to, where the model limits them; 0: all.
int sliding_window(const JsonReader& config) {
  const bool used = config.find_bool("use_sliding_window").value_or(true);
  return used ? config.find_int("sliding_window").value_or(0) : 0;
}

// transformers 4 has rope_theta and rope_scaling; 5 has both in rope_parameters.
std::vector<float> read_rope(const JsonReader& config, int head_dim, double& theta) {
  theta = config.find_float("rope_theta").value_or(10000);
  RopeScaling scaling;
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const nlohmann::json* object = config.find(key);
    if (!object) continue;
    const std::string where = config.file() + ": $." + key;
    const JsonReader rope(*object, where);
    if (!object->is_object()) rope.fail("must be an object");
    theta = rope.find_float("rope_theta").value_or(theta);
    auto kind = rope.find_string("rope_type");
    if (!kind) kind = rope.find_string("type");
    scaling.kind = rope_scaling_kind(kind.value_or("default"), where);
    if (scaling.kind == RopeScaling::Kind::none) continue;
    scaling.factor = rope.get_float("factor");
    if (scaling.kind == RopeScaling::Kind::linear) continue;
    scaling.low_freq_factor = rope.get_float("low_freq_factor");
    scaling.high_freq_factor = rope.get_float("high_freq_factor");
    scaling.original_max_position = rope.get_int("original_max_position_embeddings");
  }
  return rope_inverse_frequencies(head_dim, theta, scaling, config.file());
}

}  // namespace

ModelShape read_hugging_face_config(const nlohmann::json& json, const std::string& file) {
  const JsonReader config(json, file);
  const Architecture& architecture =
      architecture_of_model_type(config.get_string("model_type"), file);
  refuse_unsupported(config, architecture);
  ModelShape shape;
  shape.architecture = architecture.name;
  shape.n_layers = config.get_int("num_hidden_layers");
  shape.d_model = config.get_int("hidden_size");
  shape.n_heads = config.get_int("num_attention_heads");
  shape.n_kv_heads = config.find_int("num_key_value_heads").value_or(shape.n_heads);
  if (shape.n_heads < 1) config.fail("$.num_attention_heads is 0");
  shape.head_dim = config.find_int("head_dim").value_or(shape.d_model / shape.n_heads);
  shape.d_ff = config.get_int("intermediate_size");
  read_experts(config, shape);
  shape.vocab_size = config.get_int("vocab_size");
  shape.max_seq_len = config.get_int("max_position_embeddings");
  // Attention that sees the last `window` positions only is full attention while the sequence is no
  // longer.
  if (const int window = sliding_window(config); window > 0) {
    shape.max_seq_len = std::min(shape.max_seq_len, window);
  }
  shape.rms_epsilon = static_cast<float>(config.get_float("rms_norm_eps"));
  shape.qkv_bias = architecture.qkv_bias;
  shape.qk_norm = architecture.qk_norm;
  shape.tied_output = config.find_bool("tie_word_embeddings").value_or(false);
  // Before the frequencies are made, as their number is head_dim / 2.
  if (shape.head_dim > 1 << 12)
    config.fail("heads of " + std::to_string(shape.head_dim) + " dimensions; allowed: 4096");
  double theta = 0;
  shape.rope_inverse_frequencies = read_rope(config, shape.head_dim, theta);
  shape.rope_theta = static_cast<float>(theta);
  check_shape(shape, file);
  return shape;
}

std::size_t float8_block(const nlohmann::json& json, const std::string& file) {
  constexpr std::size_t kUsual = 128;
  const auto quantization = json.find("quantization_config");
  if (quantization == json.end() || !quantization->is_object()) return kUsual;
  const auto size = quantization->find("weight_block_size");
  if (size == quantization->end() || size->is_null()) return kUsual;
  const bool square = size->is_array() && size->size() == 2 && (*size)[0].is_number_unsigned() &&
                      (*size)[0] == (*size)[1] && (*size)[0] > 0 && (*size)[0] <= 65536;
  if (!square) {
    throw std::runtime_error(file + ": $.quantization_config.weight_block_size: found " +
                             size->dump().substr(0, 40) +
                             "; allowed: [128, 128] or another square");
  }
  return (*size)[0].get<std::size_t>();
}

}  // namespace paretune
