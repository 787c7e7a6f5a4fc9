#include "runtime/compression/column_sweep.h"

#include <cblas.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

// LAPACK, of OpenBLAS: Cholesky factor, and inverse from it. Column-major; info 0: done.
extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dpotri_(const char* uplo, const int* n, double* a, const int* lda, int* info);
}

namespace paretune {
namespace {

// h becomes, in its rows' upper part, U with Uᵀ U = h⁻¹. False: not positive definite.
bool factor(std::vector<double>& h, int k) {
  // LAPACK's lower triangle of columns is the upper one of our rows.
  int info = 0;
  dpotrf_("L", &k, h.data(), &k, &info);
  if (info != 0) return false;
  dpotri_("L", &k, h.data(), &k, &info);
  if (info != 0) return false;
  dpotrf_("L", &k, h.data(), &k, &info);
  return info == 0 && std::ranges::all_of(h, [](double v) { return std::isfinite(v); });
}

}  // namespace

ColumnSweep::ColumnSweep(const InputStatistics& statistics) {
  openblas_set_num_threads(1);  // run() is called on threads of our own
  const std::span<const float> squares = statistics.mean_squares;
  const std::size_t n = squares.size();
  order_.resize(n);
  std::iota(order_.begin(), order_.end(), std::size_t(0));
  std::ranges::stable_sort(order_, std::greater<>(), [&](std::size_t j) { return squares[j]; });
  const double mean = std::accumulate(squares.begin(), squares.end(), 0.0) / double(n);
  std::vector<double> h(n * n);
  // More damping until rounding leaves H positive definite; at last H is its diagonal.
  for (double damping = kDamping;; damping *= 10) {
    const double lambda = std::max(damping * mean, 1e-12);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        h[i * n + j] =
            statistics.second_moments[order_[i] * n + order_[j]] + (i == j ? lambda : 0.0);
      }
    }
    if (factor(h, static_cast<int>(n))) break;
    if (damping > 1e6) throw std::runtime_error("column sweep: second moments are not finite");
  }
  factor_.assign(h.begin(), h.end());
}

void ColumnSweep::spread(float error, std::size_t j, std::size_t end, float* row) const {
  cblas_saxpy(static_cast<int>(end - j - 1), -error, factor_.data() + j * order_.size() + j + 1, 1,
              row + j + 1, 1);
}

void ColumnSweep::spread(std::span<const float> errors, std::size_t begin, std::size_t end,
                         std::span<float> rest) const {
  const std::size_t n = order_.size();
  if (end == n) return;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(rest.size() / n),
              static_cast<int>(n - end), static_cast<int>(end - begin), -1.0f, errors.data(),
              static_cast<int>(kColumnsAtOnce), factor_.data() + begin * n + end,
              static_cast<int>(n), 1.0f, rest.data() + end, static_cast<int>(n));
}

}  // namespace paretune
