// One row per instruction set of the operations in elementwise.h, which forwards to the best that
// runs here.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/isa.h"

namespace paretune {

struct Elementwise {
  Isa needs;
  void (*rms_norm)(std::span<const float> x, std::span<const float> weight, float epsilon,
                   std::span<float> out);
  void (*add)(std::span<float> x, std::span<const float> y);
  void (*silu_mul)(std::span<const float> gate, std::span<const float> up, std::span<float> out);
  void (*rope)(std::span<float> vectors, int head_dim, std::span<const float> cosines,
               std::span<const float> sines);
  float (*quantize_int8)(std::span<const float> x, std::span<std::int8_t> codes, float reach);
  float (*softmax)(std::span<float> x);
  float (*log_sum_exp)(std::span<const float> x);
  int (*argmax)(std::span<const float> x);
};

extern const Elementwise kElementwiseAvx512, kElementwiseAvx2, kElementwiseScalar;

std::span<const Elementwise* const> elementwise_variants();  // best first

}  // namespace paretune
