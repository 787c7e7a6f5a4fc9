// Finds, for the matrix products of a model, the plan that is fastest on this machine.
//
// For each product and number of rows: candidates from the caches' sizes, each checked against the
// scalar reference before it is timed; successive halving over rounds in which all that remain run
// side by side, on all threads of the phase, with weights as cold as the model's would be; then the
// winner against the default in pairs, and it must win to be taken.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "profiles/clock.h"
#include "profiles/kernel_candidates.h"
#include "profiles/kernel_runner.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"

namespace paretune {

// The tasks of a model on all cores, for each format with the activations that are its own (int8
// for integer weights, bf16 for bf16, f32 for f32).
std::vector<KernelTask> kernel_tasks(const Target& target,
                                     std::span<const WeightFormat* const> formats);

// Needs task.threads threads in the pool. budget_s bounds the time loosely: every size gets at
// least one comparison of a few candidates. wrong: told of a candidate whose answer is not the
// reference's (a bug of ours), which is then not timed.
std::vector<KernelChoice> tune_kernels(const KernelTask& task, const Caches& caches,
                                       ThreadPool& pool, Clock& clock, double budget_s,
                                       const std::function<void(const KernelChoice&)>& wrong);

// What a summary says of a table: how many plans, and default over tuned time.
struct KernelGains {
  int plans = 0, changed = 0;
  double median = 1, best = 1;
};
KernelGains kernel_gains(const KernelTable& table);

}  // namespace paretune
