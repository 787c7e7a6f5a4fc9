// Row-major activations, (rows, width), in vectors that only grow.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace paretune {

inline std::size_t row_offset(int row, int width) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(width);
}

inline std::span<float> row_of(std::vector<float>& values, int row, int width) {
  return {values.data() + row_offset(row, width), static_cast<std::size_t>(width)};
}

inline void grow_to(std::vector<float>& values, int rows, int width) {
  if (values.size() < row_offset(rows, width)) values.resize(row_offset(rows, width));
}

}  // namespace paretune
