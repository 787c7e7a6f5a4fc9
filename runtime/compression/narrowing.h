// Neurons of the MLP removed: rows of gate and up and columns of down, so that the products shrink.
// The same number in every layer, those whose part in the output is smallest: the mean square of
// what comes out of them times the squared norm of their column of down.
#pragma once

#include <memory>

#include "runtime/compression/calibration.h"
#include "runtime/compression/policy.h"
#include "runtime/model/model_source.h"

namespace paretune {

// How many of d_ff stay: whole lines of 64.
int neurons_left(int d_ff, int removed_percent);

// The shape that is left where the policy removes neurons.
ModelShape narrowed(ModelShape shape, const Policy& policy);

// calibration: of the source. Throws std::runtime_error for models of experts.
std::unique_ptr<ModelSource> narrowed(std::unique_ptr<ModelSource> source, int removed_percent,
                                      const Calibration& calibration);

}  // namespace paretune
