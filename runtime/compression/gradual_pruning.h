// Gradual magnitude pruning: the smallest weights of a row go in a few steps, after the cubic
// schedule of Zhu and Gupta (arXiv:1710.01878)
//
//   share gone after step t of T  =  final share * (1 - (1 - t / T)³)
//
// At each step the weights that stay make good for those that go (column_sweep.h), so that the next
// step ranks other magnitudes; and the inputs' statistics are gathered anew, of the model as it is
// then.
#pragma once

#include <memory>

#include "runtime/compression/policy.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;

inline constexpr int kGradualSteps = 4;

// Share of `percent` that is gone after a step of 1 … kGradualSteps, in percent.
double gradual_share(double percent, int step);

// The model with the weights of every matrix that the policy prunes by kGradual as they are after
// the last step. packs: where they are kept, and found again by a later start; null: in memory, as
// f32.
std::unique_ptr<ModelSource> gradually_pruned(std::unique_ptr<ModelSource> source,
                                              const Policy& policy, PackCache* packs);

// Whether the policy asks for it anywhere.
bool prunes_gradually(const Policy& policy);

}  // namespace paretune
