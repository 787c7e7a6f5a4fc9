// The small operations between the matrix products. Each works on one token's row (not empty) and
// dispatches by itself on the CPU.
#pragma once

#include <cstdint>
#include <span>

namespace paretune {

// out = x / rms(x) * weight (RMSNorm, arXiv:1910.07467). x, weight, out: (d); out may be x.
void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
              std::span<float> out);

// x += y
void add(std::span<float> x, std::span<const float> y);

// out = silu(gate) * up (SwiGLU, arXiv:2002.05202). out may be gate.
void silu_mul(std::span<const float> gate, std::span<const float> up, std::span<float> out);

// Rotates every head of one token in place. vectors: (n_heads, head_dim); cosines, sines: (head_dim
// / 2) of its position. Pairs are (i, i + head_dim/2), as Hugging Face stores Llama.
void rope(std::span<float> vectors, int head_dim, std::span<const float> cosines,
          std::span<const float> sines);

// codes = x / scale, rounded to the nearest of -127 … 127 (ties to even); returns the scale,
// largest |x| / 127, or 0 with codes of 0 where that is next to nothing. Further codes are 0. All
// instruction sets give the same. reach: taken for the largest |x| where it is not 0; what lies
// beyond is clipped.
float quantize_int8(std::span<const float> x, std::span<std::int8_t> codes, float reach = 0);

// In place, returns log(sum(exp(x))). x: (n)
float softmax(std::span<float> x);
float log_sum_exp(std::span<const float> x);
int argmax(std::span<const float> x);  // the first of equals

}  // namespace paretune
