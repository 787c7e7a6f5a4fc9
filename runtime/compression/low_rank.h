// Low-rank compensation of a rounded matrix: y = Q x + A (Bᵀ x), where A Bᵀ makes good what it can
// of the error E = W - Q on the inputs that the matrix sees.
//
// With second moments H = E[x xᵀ] = L Lᵀ, A Bᵀ minimizes E‖(E - A Bᵀ) x‖² over all of its rank:
//   V = the first right singular vectors of E L,  A = E L V,  Bᵀ = Vᵀ L⁻¹
// (QERA, arXiv:2410.06040, theorem 1; EoRA, arXiv:2410.21271). With only their diagonal it is
// LQER's (arXiv:2402.02446), with no statistics the truncated SVD of E. It is where alternating
// ridge regression of A and B on the same inputs ends, without its sweeps and its start.
#pragma once

#include <span>
#include <vector>

#include "runtime/compression/quantizer.h"

namespace paretune {

struct LowRank {
  int rank = 0;
  std::vector<float> in;   // Bᵀ (rank, k)
  std::vector<float> out;  // A (n, rank)
};

// error: (n, k). statistics: of the inputs, or null. Deterministic. rank at most min(n, k).
LowRank compensate(std::span<const float> error, int n, int k, int rank,
                   const InputStatistics* statistics);

}  // namespace paretune
