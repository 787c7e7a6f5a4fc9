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

std::string tensor_name(std::string_view pattern, int layer) {
  const std::size_t mark = pattern.find('#');
  if (mark == std::string_view::npos) return std::string(pattern);
  return std::string(pattern.substr(0, mark)) + std::to_string(layer) +
         std::string(pattern.substr(mark + 1));
}

}  // namespace paretune
