// The scalar reference of the small operations, and the choice among their vectorized forms.
#include "kernels/elementwise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/elementwise_kernels.h"
#include "kernels/packing.h"

namespace paretune {
namespace scalar {
namespace {

void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
              std::span<float> out) {
  double squares = 0;
  for (float v : x) squares += double(v) * v;
  const auto inverse = float(1 / std::sqrt(squares / double(x.size()) + epsilon));
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = x[i] * inverse * weight[i];
}

void add(std::span<float> x, std::span<const float> y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
}

void silu_mul(std::span<const float> gate, std::span<const float> up, std::span<float> out) {
  for (std::size_t i = 0; i < gate.size(); ++i) {
    out[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
  }
}

void rope(std::span<float> vectors, int head_dim, std::span<const float> cosines,
          std::span<const float> sines) {
  const int half = head_dim / 2;
  for (std::size_t head = 0; head < vectors.size(); head += std::size_t(head_dim)) {
    for (int i = 0; i < half; ++i) {
      float& a = vectors[head + i];
      float& b = vectors[head + half + i];
      const float rotated = a * cosines[i] - b * sines[i];
      b = b * cosines[i] + a * sines[i];
      a = rotated;
    }
  }
}

float quantize_int8(std::span<const float> x, std::span<std::int8_t> codes, float reach) {
  float largest = reach;
  if (reach == 0) {
    for (const float v : x) largest = std::max(largest, std::fabs(v));
  }
  const auto [scale, inverse] = SymmetricScale(largest);
  for (std::size_t i = 0; i < x.size(); ++i)
    codes[i] = static_cast<std::int8_t>(round_within(x[i] * inverse, -127, 127));
  std::ranges::fill(codes.subspan(x.size()), std::int8_t{0});
  return scale;
}

float softmax(std::span<float> x) {
  const float maximum = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (float& v : x) total += v = std::exp(v - maximum);
  for (float& v : x) v = float(v / total);
  return maximum + float(std::log(total));
}

float log_sum_exp(std::span<const float> x) {
  const float maximum = *std::max_element(x.begin(), x.end());
  double total = 0;
  for (float v : x) total += std::exp(v - maximum);
  return maximum + float(std::log(total));
}

int argmax(std::span<const float> x) {
  return static_cast<int>(std::max_element(x.begin(), x.end()) - x.begin());
}

}  // namespace
}  // namespace scalar

constinit const Elementwise kElementwiseScalar{
    Isa::baseline,         scalar::rms_norm, scalar::add,         scalar::silu_mul, scalar::rope,
    scalar::quantize_int8, scalar::softmax,  scalar::log_sum_exp, scalar::argmax};

std::span<const Elementwise* const> elementwise_variants() {
  static constexpr std::array kVariants{&kElementwiseAvx512, &kElementwiseAvx2,
                                        &kElementwiseScalar};
  return kVariants;
}

namespace {

const Elementwise& best() {
  static const Elementwise& chosen = **std::ranges::find_if(
      elementwise_variants(), [](const Elementwise* e) { return cpu_has(e->needs); });
  return chosen;
}

}  // namespace

void rms_norm(std::span<const float> x, std::span<const float> weight, float epsilon,
              std::span<float> out) {
  best().rms_norm(x, weight, epsilon, out);
}
void add(std::span<float> x, std::span<const float> y) { best().add(x, y); }
void silu_mul(std::span<const float> gate, std::span<const float> up, std::span<float> out) {
  best().silu_mul(gate, up, out);
}
void rope(std::span<float> vectors, int head_dim, std::span<const float> cosines,
          std::span<const float> sines) {
  best().rope(vectors, head_dim, cosines, sines);
}
float quantize_int8(std::span<const float> x, std::span<std::int8_t> codes, float reach) {
  return best().quantize_int8(x, codes, reach);
}
float softmax(std::span<float> x) { return best().softmax(x); }
float log_sum_exp(std::span<const float> x) { return best().log_sum_exp(x); }
int argmax(std::span<const float> x) { return best().argmax(x); }

}  // namespace paretune
