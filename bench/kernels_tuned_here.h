// Kernel plans for a bench, tuned in its own process and kept nowhere.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>

#include "profiles/clock.h"
#include "profiles/kernel_tuner.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/target.h"

namespace paretune {

// For all products of weights in these formats, in about `seconds` on the clock. Throws
// std::runtime_error where a kernel's answer is wrong.
inline KernelTable kernels_tuned_here(const Target& target,
                                      std::span<const WeightFormat* const> formats, double seconds,
                                      Clock& clock) {
  const auto wrong = [](const KernelChoice& choice) {
    throw std::runtime_error("wrong answer of " + std::string(choice.plan.variant->family));
  };
  const std::vector<KernelTask> tasks = kernel_tasks(target, formats);
  ThreadPool pool(target.machine.physical_cores);
  const double until = clock.now() + seconds;
  KernelTable table;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const double share = (until - clock.now()) / static_cast<double>(tasks.size() - i);
    for (const KernelChoice& choice :
         tune_kernels(tasks[i], this_machines_caches(), pool, clock, std::max(share, 0.0), wrong))
      table.add(choice);
  }
  return table;
}

}  // namespace paretune
