#include "runtime/compression/rounding_check.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace paretune {
namespace {

// Of a group's grid; scales below are stored as f16 values, which have their own smallest steps.
double step_of(const WeightFormat& format, double least, double most) {
  constexpr double kSmallest = 2e-6;
  const double range =
      format.zeros ? std::max(most, 0.0) - std::min(least, 0.0) : 2 * std::max(most, -least);
  return std::max(range / ((1 << format.bits) - (format.zeros ? 1 : 2)), kSmallest);
}

}  // namespace

void check_nearest(const std::string& tensor, const WeightFormat& format,
                   std::span<const float> exact, std::span<const float> rounded, bool pruned) {
  const bool linear = format.bits > 0 && format.levels.empty();
  if (!linear && &format != &kBf16 && &format != &kF32) return;
  const std::size_t group = linear && format.group > 0 ? std::size_t(format.group)
                            : linear                   ? exact.size()
                                                       : 1;
  for (std::size_t begin = 0; begin < exact.size(); begin += group) {
    const std::size_t end = std::min(begin + group, exact.size());
    double least = 0, most = 0, squares = 0;
    for (std::size_t i = begin; i < end; ++i) {
      if (pruned && rounded[i] == 0) continue;
      const double error = double(exact[i]) - rounded[i];
      squares += error * error;
      least = std::min(least, double(exact[i])), most = std::max(most, double(exact[i]));
    }
    // bf16 keeps 8 bits.
    const double step = linear ? step_of(format, least, most)
                               : std::max(most, -least) * (&format == &kBf16 ? 0x1p-7 : 0x1p-23);
    const double allowed = (linear ? 0.5 : 0.3) * step * step + 1e-30;
    if (squares <= allowed * double(end - begin)) continue;
    throw std::runtime_error(
        tensor + ": weights " + std::to_string(begin) + " to " + std::to_string(end - 1) +
        " of a row are packed as " + std::string(format.name) + " with a mean error of " +
        std::to_string(std::sqrt(squares / double(end - begin)) / step) +
        " steps, allowed: less than one: a fault of the packing, not to be served");
  }
}

void RoundingCheck::add(std::span<const float> exact, std::span<const float> rounded) {
  const int k = static_cast<int>(exact.size());
  std::vector<std::byte> packed(format_.packed_bytes(1, k));
  std::vector<float> nearest(exact.size());
  format_.pack(exact, 1, k, 0, 1, packed);
  format_.unpack_row(packed, 1, k, 0, nearest);
  for (std::size_t j = 0; j < exact.size(); ++j) {
    const double weight = weights_.empty() ? 1 : weights_[j], e = exact[j] - rounded[j],
                 n = exact[j] - nearest[j];
    error_ += weight * e * e;
    nearest_error_ += weight * n * n;
  }
}

void RoundingCheck::pass(const std::string& tensor, const Quantizer& method) const {
  constexpr double kWorst = 6;  // times the error of rounding to nearest
  if (error_ <= kWorst * nearest_error_ + 1e-20) return;
  throw std::runtime_error(tensor + ": " + std::string(method.name) + " rounds it to " +
                           std::string(format_.name) + " with " +
                           std::to_string(error_ / nearest_error_) +
                           " times the error of rounding to nearest: a fault of the method, not to "
                           "be served");
}

}  // namespace paretune
