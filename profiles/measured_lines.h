// Small measurements that are made once for a model and kept in the store, each one line of text.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "profiles/clock.h"
#include "profiles/store.h"

namespace paretune {

struct LineTask {
  std::string key;  // of the store's blobs
  // In a child process that has no other threads. Throws std::runtime_error where there is nothing
  // to measure.
  std::function<std::string()> measure;
};

// The lines of all that is kept or was measured within about budget_s, in the order of the tasks,
// each measured by a child of its own, which is killed where it takes far longer than there is
// time. done: key under which is kept that the list was gone through; what was left out then stays
// out, so that a study run again decides the same. nullopt: interrupted.
std::optional<std::vector<std::string>> measured_lines(const std::string& done,
                                                       std::span<const LineTask> tasks,
                                                       Store& store, Clock& clock, double budget_s,
                                                       const std::atomic<bool>& stop);

}  // namespace paretune
