// GPTQ (Frantar et al., arXiv:2210.17323): columns are rounded one after the other, and the error
// of each is made good by the columns still to come, as the inputs' second moments say.
//
//   H = E[x xᵀ] + λ I,  U = upper Cholesky factor of H⁻¹
//   for every column j in the order:  e = (w_j - round(w_j)) / U_jj,  w_l -= e U_jl for l > j
//
// Columns with the largest H_jj go first ("act-order"). A group's scale and zero are fitted before,
// on its weights as they are, weighted by H's diagonal ("static groups").
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "runtime/compression/grid_fit.h"
#include "runtime/compression/quantizer.h"

// LAPACK, of OpenBLAS: Cholesky factor, and inverse from it. Column-major; info 0: done.
extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dpotri_(const char* uplo, const int* n, double* a, const int* lda, int* info);
}

namespace paretune {
namespace {

constexpr double kDamping = 0.01;  // λ as a part of H's mean diagonal

class Gptq final : public RowQuantizer {
 public:
  Gptq(const WeightFormat& format, const InputStatistics& statistics)
      : format_(format), weights_(statistics.mean_squares.begin(), statistics.mean_squares.end()) {
    openblas_set_num_threads(1);  // quantize() is called on threads of our own
    const int k = statistics.k;
    const auto n = static_cast<std::size_t>(k);
    order_.resize(n);
    std::iota(order_.begin(), order_.end(), 0);
    std::ranges::stable_sort(order_, std::greater<>(),
                             [&](int j) { return weights_[static_cast<std::size_t>(j)]; });
    const double mean = std::accumulate(weights_.begin(), weights_.end(), 0.0) / k;
    std::vector<double> h(n * n);
    // More damping until rounding leaves H positive definite; at last H is its diagonal.
    for (double damping = kDamping;; damping *= 10) {
      const double lambda = std::max(damping * mean, 1e-12);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          h[i * n + j] = statistics.second_moments[static_cast<std::size_t>(order_[i]) * n +
                                                   static_cast<std::size_t>(order_[j])] +
                         (i == j ? lambda : 0.0);
        }
      }
      if (factor(h, k)) break;
      if (damping > 1e6) throw std::runtime_error("gptq: second moments are not finite");
    }
    factor_.assign(h.begin(), h.end());
  }

  // Pruned columns are rounded to zero like others to their codes, so that those after them make
  // good for them too (SparseGPT, arXiv:2301.00774, with the mask given).
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    for (std::size_t begin = 0; begin < out.size(); begin += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, out.size() - begin);
      const auto n = static_cast<std::size_t>(k);
      quantize_block(rows.subspan(begin * n, count * n), n,
                     dropped.empty() ? dropped : dropped.subspan(begin * n, count * n),
                     out.subspan(begin, count));
    }
  }

 private:
  static constexpr std::size_t kRowsAtOnce = 64, kColumnsAtOnce = 128;

  void quantize_block(std::span<const float> rows, std::size_t n,
                      std::span<const std::uint8_t> dropped, std::span<RowCodes> out) const {
    const std::size_t group = group_size(format_, n);
    const std::size_t groups = (n + group - 1) / group;
    std::vector<GroupGrid> grids(out.size() * groups);
    std::vector<float> rest(out.size() * n);  // in the order of columns
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::span<const float> row = rows.subspan(i * n, n);
      format_.encode(row, out[i]);
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t begin = g * group, count = std::min(group, n - begin);
        GroupGrid& grid = grids[i * groups + g];
        grid =
            fit_grid(row.subspan(begin, count), std::span(weights_).subspan(begin, count), format_);
        out[i].scales[g] = grid.scale;
        if (format_.zeros) out[i].zeros[g] = static_cast<std::uint8_t>(grid.zero);
      }
      for (std::size_t j = 0; j < n; ++j) {
        rest[i * n + j] = row[static_cast<std::size_t>(order_[j])];
      }
    }
    // A block's errors reach the columns after it in one product ("lazy batch").
    std::vector<float> errors(out.size() * kColumnsAtOnce);
    for (std::size_t begin = 0; begin < n; begin += kColumnsAtOnce) {
      const std::size_t end = std::min(begin + kColumnsAtOnce, n);
      for (std::size_t j = begin; j < end; ++j) {
        const auto column = static_cast<std::size_t>(order_[j]);
        const float* u = factor_.data() + j * n;
        for (std::size_t i = 0; i < out.size(); ++i) {
          float* const row = rest.data() + i * n;
          const GroupGrid& grid = grids[i * groups + column / group];
          const bool gone = !dropped.empty() && dropped[i * n + column] != 0;
          const int code = gone ? grid.zero : grid.code(row[j]);
          out[i].codes[column] = static_cast<std::uint8_t>(code);
          const float error = (row[j] - grid.value(code)) / u[j];
          errors[i * kColumnsAtOnce + j - begin] = error;
          cblas_saxpy(static_cast<int>(end - j - 1), -error, u + j + 1, 1, row + j + 1, 1);
        }
      }
      if (end == n) break;
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(out.size()),
                  static_cast<int>(n - end), static_cast<int>(end - begin), -1.0f, errors.data(),
                  static_cast<int>(kColumnsAtOnce), factor_.data() + begin * n + end,
                  static_cast<int>(n), 1.0f, rest.data() + end, static_cast<int>(n));
    }
  }

  // h becomes, in its rows' upper part, U with Uᵀ U = h⁻¹. False: not positive definite.
  static bool factor(std::vector<double>& h, int k) {
    // LAPACK's lower triangle of columns is the upper one of our rows.
    int info = 0;
    dpotrf_("L", &k, h.data(), &k, &info);
    if (info != 0) return false;
    dpotri_("L", &k, h.data(), &k, &info);
    if (info != 0) return false;
    dpotrf_("L", &k, h.data(), &k, &info);
    return info == 0 && std::ranges::all_of(h, [](double v) { return std::isfinite(v); });
  }

  const WeightFormat& format_;
  std::vector<float> weights_;
  std::vector<int> order_;
  std::vector<float> factor_;  // (k, k), upper
};

}  // namespace

std::unique_ptr<RowQuantizer> make_gptq(const WeightFormat& format,
                                        const InputStatistics* statistics) {
  if (!statistics || statistics->second_moments.empty()) {
    return make_clip_weighted(format, statistics);
  }
  return std::make_unique<Gptq>(format, *statistics);
}

}  // namespace paretune
