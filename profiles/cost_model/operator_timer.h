// Times the operators that configs are made of, each alone: every product by the kernel that would
// carry it out, for several numbers of rows; casts of inputs; attention; storing keys and values.
#pragma once

#include <span>

#include "profiles/clock.h"
#include "profiles/cost_model/operator_times.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/target.h"

namespace paretune {

// What most configs use comes first; stops when clock.now() passes the deadline, with what it has.
// Products too large to time whole are timed on some of their columns. What is known is not timed
// again, and is part of the answer.
OperatorTimes time_operators(const Target& target, std::span<const DeployConfig> configs,
                             const KernelTable& kernels, Clock& clock, double deadline,
                             OperatorTimes known = {});

}  // namespace paretune
