#include "runtime/model/weights.h"

namespace paretune {
namespace {

constexpr bool in_order() {
  for (std::size_t i = 0; i < kWeights.size(); ++i) {
    if (kWeights[i].weight != static_cast<Weight>(i)) return false;
  }
  return true;
}
static_assert(in_order(), "weight_info indexes kWeights by the enumerator");

}  // namespace

std::string tensor_name(std::string_view pattern, int layer, int expert) {
  std::string name;
  for (const char c : pattern) {
    if (c == '#') {
      name += std::to_string(layer);
    } else if (c == '@') {
      name += std::to_string(expert);
    } else {
      name += c;
    }
  }
  return name;
}

std::string gguf_name(const WeightInfo& info, int layer) {
  return tensor_name(info.gguf.substr(0, info.gguf.find('|')), layer);
}

std::string matrix_name(const WeightInfo& info, int index, const ModelShape& shape) {
  if (info.repeats != Repeats::per_expert) return gguf_name(info, index);
  return gguf_name(info, index / shape.n_experts) + ", expert " +
         std::to_string(index % shape.n_experts);
}

}  // namespace paretune
