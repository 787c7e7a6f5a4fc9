#include "runtime/engine/model.h"

#include <algorithm>
#include <utility>

#include "kernels/narrow_float.h"
#include "runtime/engine/block_results.h"

namespace paretune {
namespace {

std::vector<float> read_vector(const ModelSource& source, Weight weight, int layer) {
  std::vector<float> values(static_cast<std::size_t>(source.weight_shape(weight)[1]));
  source.read_rows(weight, layer, 0, 1, values);
  return values;
}

}  // namespace

MatmulPlans Model::plans_for(Phase phase, const PackedMatrix& matrix,
                             const KernelTable& kernels) const {
  const bool prefill = phase == Phase::prefill;
  const std::string_view kernel =
      prefill ? config_.prefill_kernel.name : config_.decode_kernel.name;
  const Activations activations = effective_activations(config_, *matrix.format);
  if (kernel != "tuned") return MatmulPlans(default_plan(kernel, *matrix.format, activations));
  return kernels.plans(*matrix.format, activations, matrix.n, matrix.k,
                       prefill ? config_.prefill_threads : config_.decode_threads);
}

Model::Matrix Model::planned(PackedWeights weights, const KernelTable& kernels) const {
  Matrix matrix{.packed = weights.matrix, .weights = std::move(weights)};
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    matrix.plans.push_back(plans_for(phase, matrix.packed, kernels));
  }
  for (PackedWeights& part : std::exchange(matrix.weights.low_rank, {})) {
    matrix.low_rank.push_back(planned(std::move(part), kernels));
  }
  return matrix;
}

std::vector<Model::Product> Model::products(const ModelShape& s) {
  const int hidden = (s.d_ff + kPanel - 1) / kPanel * kPanel;
  return {
      {LayerKind::qkv, (s.n_heads + 2 * s.n_kv_heads) * s.head_dim, s.d_model, true},
      {LayerKind::attention_output, s.d_model, s.n_heads * s.head_dim, true},
      {LayerKind::gate_up, 2 * hidden, s.d_model, true},
      {LayerKind::down, s.d_model, s.d_ff, true},
      {LayerKind::output, s.vocab_size, s.d_model, false},
  };
}

Model::Model(const ModelSource& source, const DeployConfig& config, ThreadPool& pool,
             const KernelTable& kernels, PackStore* packs, const Calibration* calibration)
    : source_(source),
      config_(config),
      attention_(&resolve_attention(config.attention_kernel.name, *config.kv_cache)) {
  const ModelShape& s = shape();
  const Policy& policy = config_.weights;
  WeightPacker packer(source, pool, packs, calibration);
  const auto stacked = [&](std::initializer_list<WeightPacker::Part> parts, Treatment treatment) {
    if (parts.begin()->weight == Weight::expert_down) treatment.rank = treatment.outliers = 0;
    return planned(packer.stacked(parts, treatment), kernels);
  };
  const auto paired = [&](Weight gate, Weight up, int index, Treatment treatment) {
    if (gate == Weight::expert_gate)
      treatment.rank = treatment.outliers = 0;  // experts have no side products
    return planned(packer.in_turns({gate, index}, {up, index}, kPairPanels, treatment), kernels);
  };
  const auto norm = [&](Weight weight, int layer) {
    std::vector<float> values = read_vector(source, weight, layer);
    if (policy.at(LayerKind::norms).format == &kBf16) {
      for (float& v : values) v = bf16_to_f32(f32_to_bf16(v));
    }
    return values;
  };
  // The output head's stay dynamic: its statistics are weighted by token (uncertainty.h), and so
  // are their maxima.
  const auto reach = [&](InputSite site, int layer) {
    if (config_.activations.name != kStaticInt8 || !calibration) return 0.0f;
    return calibration->largest(site, layer);
  };
  for (int i = 0; i < s.n_layers; ++i) {
    Layer& layer = layers_.emplace_back();
    layer.qkv = stacked({{Weight::attn_q, i}, {Weight::attn_k, i}, {Weight::attn_v, i}},
                        policy.at(LayerKind::qkv, i));
    layer.attention_output =
        stacked({{Weight::attn_output, i}}, policy.at(LayerKind::attention_output, i));
    const Treatment &gate_up = policy.at(LayerKind::gate_up, i),
                    &down = policy.at(LayerKind::down, i);
    if (s.n_experts > 0) {
      // Few outputs, on which everything after them depends: never rounded.
      layer.router = stacked({{Weight::ffn_router, i}}, {.format = &kF32});
      for (int e = i * s.n_experts; e < (i + 1) * s.n_experts; ++e) {
        layer.gate_up.push_back(paired(Weight::expert_gate, Weight::expert_up, e, gate_up));
        layer.down.push_back(stacked({{Weight::expert_down, e}}, down));
      }
    } else {
      layer.gate_up.push_back(paired(Weight::ffn_gate, Weight::ffn_up, i, gate_up));
      layer.down.push_back(stacked({{Weight::ffn_down, i}}, down));
      layer.gate_up[0].reach = reach(InputSite::gate_up, i);
      layer.down[0].reach = reach(InputSite::down, i);
    }
    layer.qkv.reach = reach(InputSite::qkv, i);
    layer.attention_output.reach = reach(InputSite::attention_output, i);
    layer.attention_norm = norm(Weight::attn_norm, i);
    layer.mlp_norm = norm(Weight::ffn_norm, i);
    if (s.qkv_bias) {
      for (const Weight bias : {Weight::attn_q_bias, Weight::attn_k_bias, Weight::attn_v_bias}) {
        const std::vector<float> values = read_vector(source, bias, i);
        layer.qkv_bias.insert(layer.qkv_bias.end(), values.begin(), values.end());
      }
    }
    if (s.qk_norm) {
      layer.q_norm = norm(Weight::attn_q_norm, i);
      layer.k_norm = norm(Weight::attn_k_norm, i);
    }
    const auto alike = [&](std::size_t other) {
      return std::ranges::all_of(kAllKinds, [&](LayerKind kind) {
        return policy.at(kind, i) == policy.at(kind, static_cast<int>(other));
      });
    };
    if (std::ranges::none_of(distinct_layers_, alike)) {
      distinct_layers_.push_back(static_cast<std::size_t>(i));
    }
  }
  output_norm_ = norm(Weight::output_norm, 0);
  output_ = stacked({{Weight::output, 0}}, policy.at(LayerKind::output));
  if (const Treatment& embeddings = policy.at(LayerKind::embeddings); embeddings.format != &kF32) {
    embeddings_ = packer.stacked({{Weight::token_embedding, 0}}, embeddings);
  }
  weight_bytes_ = packer.packed_bytes();
}

void Model::embed(int token, std::span<float> out) const {
  if (embeddings_) {
    const auto& [format, n, k, data] = embeddings_->matrix;
    format->unpack_row(data, n, k, token, out);
  } else {
    source_.read_rows(Weight::token_embedding, 0, token, token + 1, out);
  }
}

}  // namespace paretune
