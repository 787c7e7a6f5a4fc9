#include "profiles/measured_lines.h"

#include <algorithm>

#include "profiles/isolate.h"

namespace paretune {
namespace {

constexpr double kOverrun = 0.5;  // of the budget: what was begun in time may finish

}  // namespace

std::optional<std::vector<std::string>> measured_lines(const std::string& done,
                                                       std::span<const LineTask> tasks,
                                                       Store& store, Clock& clock, double budget_s,
                                                       const std::atomic<bool>& stop) {
  const double deadline = clock.now() + (store.find_blob(done) ? -1 : budget_s);
  std::vector<std::string> lines;
  for (const LineTask& task : tasks) {
    std::optional<std::string> line = store.find_blob(task.key);
    if (!line && clock.now() <= deadline) {
      const double left = deadline - clock.now() + kOverrun * budget_s;
      const ChildResult child = run_isolated(task.measure, left, stop);
      if (child.interrupted) return std::nullopt;
      if (child.outcome != Outcome::ok) continue;
      line = child.output;
      store.put_blob(task.key, *line);
    }
    if (line) lines.push_back(std::move(*line));
  }
  store.put_blob(done, "done");
  return lines;
}

}  // namespace paretune
