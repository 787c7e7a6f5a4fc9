// Block formats of model files whose grid is one of ours: their codes are packed as they are, and
// no value changes. Packing such a tensor into any other format rounds its values again.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "kernels/weight_format.h"

namespace paretune {

struct ExactRepack {
  std::string_view type;  // TensorType's name
  const WeightFormat* format;
  void (*split)(std::span<const std::byte> row, RowCodes& codes);  // one row of blocks
  // The way back, or null where the type cannot hold every row of the format.
  void (*join)(const RowCodes& codes, std::span<std::byte> row);
};

void split_q4_0(std::span<const std::byte> row, RowCodes& codes);
void split_q8_0(std::span<const std::byte> row, RowCodes& codes);
void split_q4_k(std::span<const std::byte> row, RowCodes& codes);
void split_q6_k(std::span<const std::byte> row, RowCodes& codes);

// IQ4_NL lies as Q4_0 does.
void join_q4_0(const RowCodes& codes, std::span<std::byte> row);
void join_q8_0(const RowCodes& codes, std::span<std::byte> row);
void join_q4_k(const RowCodes& codes, std::span<std::byte> row);
void join_q6_k(const RowCodes& codes, std::span<std::byte> row);

inline constexpr std::array kExactRepacks{ExactRepack{"Q4_0", &kQ40, split_q4_0, join_q4_0},
                                          ExactRepack{"Q4_0", &kInt4G32, split_q4_0, nullptr},
                                          ExactRepack{"IQ4_NL", &kIq4Nl, split_q4_0, join_q4_0},
                                          ExactRepack{"Q8_0", &kInt8G32, split_q8_0, join_q8_0},
                                          ExactRepack{"Q4_K", &kQ4K, split_q4_k, join_q4_k},
                                          ExactRepack{"Q6_K", &kQ6K, split_q6_k, join_q6_k}};

const ExactRepack* find_exact_repack(std::string_view type, const WeightFormat& format);  // or null

}  // namespace paretune
