// The sweep that GPTQ (Frantar et al., arXiv:2210.17323) and SparseGPT (arXiv:2301.00774) share:
// columns are settled one after the other, and the error of each is made good by the columns still
// to come, as the inputs' second moments say.
//
//   H = E[x xᵀ] + λ I,  U = upper Cholesky factor of H⁻¹
//   for every column j in the order:  e = (w_j - settled_j) / U_jj,  w_l -= e U_jl for l > j
//
// Columns with the largest H_jj go first ("act-order").
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "runtime/compression/quantizer.h"

namespace paretune {

class ColumnSweep {
 public:
  static constexpr std::size_t kRowsAtOnce = 64;

  // statistics: with second moments. Throws std::runtime_error where they are not finite.
  explicit ColumnSweep(const InputStatistics& statistics);

  // rows: (count, k), count at most kRowsAtOnce. settle(row, column, value) returns what the weight
  // becomes, given its value with all errors so far made good. Any number of threads may run it.
  template <class Settle>
  void run(std::span<const float> rows, Settle&& settle) const {
    const std::size_t n = order_.size(), count = rows.size() / n;
    std::vector<float> rest(rows.size());  // in the order of columns
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < n; ++j) rest[i * n + j] = rows[i * n + order_[j]];
    }
    std::vector<float> errors(count * kColumnsAtOnce);
    for (std::size_t begin = 0; begin < n; begin += kColumnsAtOnce) {
      const std::size_t end = std::min(begin + kColumnsAtOnce, n);
      for (std::size_t j = begin; j < end; ++j) {
        for (std::size_t i = 0; i < count; ++i) {
          const float value = rest[i * n + j];
          const float error = (value - settle(i, order_[j], value)) / factor_[j * n + j];
          errors[i * kColumnsAtOnce + j - begin] = error;
          spread(error, j, end, rest.data() + i * n);
        }
      }
      spread(errors, begin, end, rest);
    }
  }

 private:
  static constexpr std::size_t kColumnsAtOnce = 128;

  // Of one row, to the columns after j and before end.
  void spread(float error, std::size_t j, std::size_t end, float* row) const;
  // Of the columns [begin, end), to all after them in one product ("lazy batch").
  void spread(std::span<const float> errors, std::size_t begin, std::size_t end,
              std::span<float> rest) const;

  std::vector<std::size_t> order_;
  std::vector<float> factor_;  // (k, k), upper
};

}  // namespace paretune
