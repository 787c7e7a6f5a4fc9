// The plans worth timing for one matrix product, from the kernels this CPU runs and the sizes of
// its caches.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/engine/kernel_table.h"

namespace paretune {

// Bytes of each level as one core sees them; usual sizes where the system does not tell.
struct Caches {
  std::size_t l1 = 32 << 10;
  std::size_t l2 = 1 << 20;
  std::size_t l3 = 32 << 20;
};
Caches this_machines_caches();

// The default plan first, then by promise: a tuner short of time takes the first ones. Each is
// there once.
std::vector<MatmulPlan> candidate_plans(const KernelKey& key, const Caches& caches);

}  // namespace paretune
