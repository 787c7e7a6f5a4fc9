// Runs a piece of work in a child process, so that what a config does to memory or to the process
// is a result and not the end of the study.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "profiles/measurement.h"

namespace paretune {

struct ChildResult {
  Outcome outcome = Outcome::ok;
  std::string detail;        // of a failure, in words
  std::string output;        // what work returned
  bool interrupted = false;  // stopped because `stop` became true; nothing was learned
};

// Forks, runs work in the child and returns its text. std::bad_alloc and the kernel's OOM killer
// are out_of_memory, any other exception is refused with its message, a signal is crashed, and a
// child still running after timeout_s is killed: timed_out. The child dies with its parent and
// ignores SIGINT. The calling process must have no other threads.
ChildResult run_isolated(const std::function<std::string()>& work, double timeout_s,
                         const std::atomic<bool>& stop);

}  // namespace paretune
