#include "runtime/compression/low_rank.h"

#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>

extern "C" {
void dpotrf_(const char* uplo, const int* n, double* a, const int* lda, int* info);
void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
            double* work, const int* lwork, int* info);
}

namespace paretune {
namespace {

constexpr int kOversampling = 8, kIterations = 6;  // of the subspace iteration

std::size_t at(int row, int column, int columns) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns) +
         static_cast<std::size_t>(column);
}

// L (k, k), lower, of H + λ I; the identity's multiple where there is nothing to go by.
std::vector<float> root(const InputStatistics* statistics, int k) {
  std::vector<float> lower(at(k, 0, k), 0.0f);
  const auto diagonal = [&](int i) {
    return statistics ? double(statistics->mean_squares[static_cast<std::size_t>(i)]) : 1.0;
  };
  double mean = 0;
  for (int i = 0; i < k; ++i) mean += diagonal(i) / k;
  const double lambda = std::max(kDamping * mean, 1e-12);
  if (statistics && !statistics->second_moments.empty()) {
    std::vector<double> h(statistics->second_moments.begin(), statistics->second_moments.end());
    for (int i = 0; i < k; ++i) h[at(i, i, k)] += lambda;
    int info = 0;
    dpotrf_("U", &k, h.data(), &k, &info);  // columns' upper triangle is the rows' lower one
    if (info == 0) {
      for (int i = 0; i < k; ++i) {
        for (int j = 0; j <= i; ++j) lower[at(i, j, k)] = static_cast<float>(h[at(i, j, k)]);
      }
      return lower;
    }
  }
  for (int i = 0; i < k; ++i) {
    lower[at(i, i, k)] = static_cast<float>(std::sqrt(diagonal(i) + lambda));
  }
  return lower;
}

// Orthonormal columns that span those of v (k, p), by Gram and Schmidt, twice.
void orthonormalize(std::vector<float>& v, int k, int p) {
  for (int j = 0; j < p; ++j) {
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < j; ++i) {
        const float dot = cblas_sdot(k, v.data() + i, p, v.data() + j, p);
        cblas_saxpy(k, -dot, v.data() + i, p, v.data() + j, p);
      }
    }
    const float norm = cblas_snrm2(k, v.data() + j, p);
    cblas_sscal(k, norm > 1e-30f ? 1 / norm : 0, v.data() + j, p);
  }
}

}  // namespace

LowRank compensate(std::span<const float> error, int n, int k, int rank,
                   const InputStatistics* statistics) {
  rank = std::min({rank, n, k});
  const int p = std::min({rank + kOversampling, n, k});
  openblas_set_num_threads(1);
  const std::vector<float> lower = root(statistics, k);
  std::vector<float> el(error.begin(), error.end());  // E L (n, k)
  cblas_strmm(CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, n, k, 1.0f,
              lower.data(), k, el.data(), k);

  // The dominant right singular vectors of E L, by subspace iteration.
  std::vector<float> v(at(k, 0, p)), u(at(n, 0, p));
  std::mt19937 rng(1);
  for (float& value : v) value = static_cast<float>(rng() >> 8) * 0x1p-24f - 0.5f;
  for (int i = 0; i < kIterations; ++i) {
    orthonormalize(v, k, p);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, p, k, 1.0f, el.data(), k, v.data(), p,
                0.0f, u.data(), p);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, p, n, 1.0f, el.data(), k, u.data(), p,
                0.0f, v.data(), p);
  }
  orthonormalize(v, k, p);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, p, k, 1.0f, el.data(), k, v.data(), p,
              0.0f, u.data(), p);

  // Within that subspace, the best `rank` directions: eigenvectors of (E L V)ᵀ (E L V).
  std::vector<double> gram(at(p, 0, p), 0.0), values(static_cast<std::size_t>(p));
  for (int row = 0; row < n; ++row) {
    for (int i = 0; i < p; ++i) {
      for (int j = i; j < p; ++j) gram[at(i, j, p)] += double(u[at(row, i, p)]) * u[at(row, j, p)];
    }
  }
  std::vector<double> work(static_cast<std::size_t>(8 * p));
  const int work_size = 8 * p;
  int info = 0;
  dsyev_("V", "L", &p, gram.data(), &p, values.data(), work.data(), &work_size, &info);
  // Rows of gram are now eigenvectors, ascending.
  std::vector<float> turn(at(p, 0, rank));
  for (int i = 0; i < p; ++i) {
    for (int j = 0; j < rank; ++j)
      turn[at(i, j, rank)] = static_cast<float>(gram[at(p - 1 - j, i, p)]);
  }

  LowRank result{.rank = rank};
  result.out.resize(at(n, 0, rank));
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, rank, p, 1.0f, u.data(), p, turn.data(),
              rank, 0.0f, result.out.data(), rank);
  std::vector<float> chosen(at(k, 0, rank));  // V (k, rank)
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, k, rank, p, 1.0f, v.data(), p, turn.data(),
              rank, 0.0f, chosen.data(), rank);
  // Bᵀ = Vᵀ L⁻¹, so B solves Lᵀ B = V.
  cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, k, rank, 1.0f,
              lower.data(), k, chosen.data(), rank);
  result.in.resize(at(rank, 0, k));
  for (int i = 0; i < k; ++i) {
    for (int j = 0; j < rank; ++j) result.in[at(j, i, k)] = chosen[at(i, j, rank)];
  }
  return result;
}

}  // namespace paretune
