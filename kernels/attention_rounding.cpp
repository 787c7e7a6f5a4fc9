#include "kernels/attention_rounding.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"

namespace paretune {

void round_query(std::span<float> query, std::span<std::int8_t> codes) {
  const float scale = quantize_int8(query, codes);
  for (std::size_t d = 0; d < query.size(); ++d) query[d] = float(codes[d]) * scale;
}

void round_weights(std::span<float> weights, std::span<const float> scales) {
  float largest = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    largest = std::max(largest, weights[i] * scales[i]);
  const float inverse = largest > 0 ? 255 / largest : 0, step = largest / 255;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float code = std::nearbyint(weights[i] * scales[i] * inverse);
    weights[i] = scales[i] > 0 ? code * step / scales[i] : 0;
  }
}

}  // namespace paretune
