#include "runtime/compression/rounding_check.h"

#include <stdexcept>
#include <vector>

namespace paretune {

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
