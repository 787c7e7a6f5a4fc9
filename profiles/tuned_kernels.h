// The kernel table of a model on this machine: kept in the store, tuned where it is not.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "profiles/kernel_tuner.h"
#include "profiles/store.h"

namespace paretune {

// Kept by product, under the machine's fingerprint and the kernels' version; models that share a
// shape share its plans. Tuning runs in child processes and takes about budget_s; retune: even what
// is kept. A sentinel is measured at every call, and a machine that is no longer as fast as it was
// is told of. say: told in words what happens, if anything does. nullopt: interrupted; what was
// finished is kept. The calling process must have no other threads.
std::optional<KernelTable> tuned_kernels(const Target& target,
                                         std::span<const WeightFormat* const> formats, Store& store,
                                         Clock& clock, double budget_s, bool retune,
                                         const std::atomic<bool>& stop,
                                         const std::function<void(const std::string&)>& say);

}  // namespace paretune
