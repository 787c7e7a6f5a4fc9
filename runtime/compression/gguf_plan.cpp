#include "runtime/compression/gguf_plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/compression/gguf_metadata.h"
#include "runtime/compression/narrowing.h"
#include "runtime/model/exact_repack.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

const TensorType& type_called(std::string_view name) {
  return *std::ranges::find(kTensorTypes, name, &TensorType::name);
}

// The file's format for a treatment's.
const TensorType& type_of(const WeightFormat& format) {
  if (&format == &kF32) return type_called("F32");
  if (&format == &kBf16) return type_called("BF16");
  std::string allowed = "f32, bf16";
  for (const ExactRepack& repack : kExactRepacks) {
    if (!repack.join) continue;
    if (repack.format == &format) return type_called(repack.type);
    append_name(allowed, repack.format->name);
  }
  refuse("weights", "the format " + std::string(format.name),
         allowed + ", which GGUF types hold exactly");
}

void refuse_what_has_no_tensor(const std::string& name, const Treatment& treatment) {
  if (treatment.rank > 0)
    refuse(name, "a compensation of rank " + std::to_string(treatment.rank),
           "no rank: GGUF holds one matrix for each weight");
  if (treatment.outliers > 0)
    refuse(name, std::to_string(treatment.outliers) + " outliers beside the codes",
           "none: GGUF holds one matrix for each weight");
  if (treatment.pruner && treatment.pruner->whole_rows)
    refuse(name, "the pruner " + in_double_quotes(treatment.pruner->name),
           "magnitude, gradual or wanda");
}

void refuse_rows_of(const std::string& name, int columns, const TensorType& type) {
  if (columns % type.block_size != 0)
    refuse(name, "rows of " + std::to_string(columns) + " values",
           "multiples of " + std::to_string(type.block_size) + " for " + std::string(type.name));
}

// What becomes of a matrix, as Model has it packed.
Treatment treatment_of(const Policy& policy, const WeightInfo& info, LayerKind kind, int layer) {
  Treatment treatment = policy.at(kind, layer);
  if (info.repeats == Repeats::per_expert) treatment.rank = treatment.outliers = 0;
  if (kind == LayerKind::embeddings && treatment.format == &kF32) return {.format = &kF32};
  return treatment;
}

// Of `count` matrices from `index` on, or of a vector.
PlannedTensor planned(const PreparedSource& ready, const WeightInfo& info, int index, int count) {
  const ModelSource& source = *ready.source;
  const int layer = index / count;
  const auto [rows, columns] = info.dims(source.shape());
  PlannedTensor tensor{.name = gguf_name(info, layer),
                       .dims = {static_cast<std::uint64_t>(columns)},
                       .type = &type_called("F32"),
                       .weight = info.weight,
                       .index = index,
                       .count = count};
  if (!info.matrix) return tensor;
  tensor.dims.insert(tensor.dims.begin(), static_cast<std::uint64_t>(rows));
  if (info.repeats == Repeats::per_expert)
    tensor.dims.insert(tensor.dims.begin(), static_cast<std::uint64_t>(count));
  const std::optional<LayerKind> kind = layer_kind(info.weight);
  if (!kind) return tensor;  // routers, which are never rounded
  const Treatment treatment = treatment_of(ready.config.weights, info, *kind, layer);
  const std::string found = source.source_format(info.weight, index);
  if (treatment.format != &kF32 || treatment.pruner) {
    tensor.type = &type_of(*treatment.format);
    const bool there = found == tensor.type->name && found != "F32" && !treatment.pruner;
    if (!there || count > 1) tensor.treatment = treatment;
    return tensor;
  }
  // As the source has it.
  for (int i = 1; i < count; ++i)
    if (source.source_format(info.weight, index + i) != found) return tensor;
  if (const TensorType& type = type_called(found); type.gguf_id != kNotInGguf) tensor.type = &type;
  return tensor;
}

// Whether a tied head's bytes are those of the embeddings, which then serve as it.
bool is_embedding(const PreparedSource& ready, const PlannedTensor& head) {
  if (!ready.source->shape().tied_output || ready.config.smoothing.name == "hadamard") return false;
  const PlannedTensor embeddings = planned(ready, weight_info(Weight::token_embedding), 0, 1);
  // Methods that know the inputs know those of the head alone.
  return head.type == embeddings.type && head.treatment == embeddings.treatment &&
         !(head.treatment && head.treatment->calibrated());
}

// None where frequencies are as the metadata say.
std::optional<PlannedTensor> planned_rope_divisors(const ModelSource& source, const Gguf* gguf) {
  const ModelShape& shape = source.shape();
  PlannedTensor tensor{.name = "rope_freqs.weight", .type = &type_called("F32")};
  if (!gguf) {
    tensor.values = rope_divisors(shape);
  } else if (const auto found = gguf->tensors().find(tensor.name); found != gguf->tensors().end()) {
    tensor.values.resize(static_cast<std::size_t>(shape.head_dim) / 2);
    found->second.type->to_float(found->second.data, tensor.values);
  }
  if (tensor.values.empty()) return {};
  if (!gguf && shape.architecture != "llama")
    refuse(source.path().string(),
           "RoPE stretched by more than one factor for " + shape.architecture,
           "that of llama, the only architecture that GGUF readers divide frequencies for");
  tensor.dims = {tensor.values.size()};
  return tensor;
}

}  // namespace

void check_gguf_policy(const ModelSource& source, const Policy& policy) {
  const ModelShape shape = narrowed(source.shape(), policy);
  for (const WeightInfo& info : kWeights) {
    const std::optional<LayerKind> kind = layer_kind(info.weight);
    if (!kind || !info.matrix || !source.has_weight(info.weight)) continue;
    for (int layer = 0; layer < (info.repeats == Repeats::once ? 1 : shape.n_layers); ++layer) {
      const Treatment treatment = treatment_of(policy, info, *kind, layer);
      refuse_what_has_no_tensor(gguf_name(info, layer), treatment);
      refuse_rows_of(gguf_name(info, layer), info.dims(shape)[1], type_of(*treatment.format));
    }
  }
}

std::vector<PlannedTensor> plan_gguf(const PreparedSource& ready, const Gguf* gguf) {
  const ModelSource& source = *ready.source;
  const ModelShape& shape = source.shape();
  std::vector<PlannedTensor> tensors;
  for (const WeightInfo& info : kWeights) {
    if (!source.has_weight(info.weight)) continue;
    const int count = info.repeats == Repeats::per_expert ? shape.n_experts : 1;
    for (int i = 0; i < instances(info, shape); i += count) {
      PlannedTensor tensor = planned(ready, info, i, count);
      if (info.weight == Weight::output && is_embedding(ready, tensor)) continue;
      tensors.push_back(std::move(tensor));
    }
  }
  if (auto divisors = planned_rope_divisors(source, gguf)) tensors.push_back(std::move(*divisors));
  return tensors;
}

}  // namespace paretune
