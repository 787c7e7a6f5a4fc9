// Texts to calibrate on that the model says by itself (calibration.h), so that nobody has to bring
// data.
#pragma once

#include <vector>

#include "runtime/deploy_config.h"

namespace paretune {

class Model;
class PackCache;
class ThreadPool;

// Calibration::kSequences token sequences of kTokens each, or of the most that the model holds;
// or what an earlier call left in packs, which may be null. They are those of the model as the file
// stores it: one whose weights were turned says the same but for rounding, which may not decide
// what it is calibrated on.
std::vector<std::vector<int>> self_samples(const Model& model, const DeployConfig& config,
                                           ThreadPool& pool, PackCache* packs);

}  // namespace paretune
