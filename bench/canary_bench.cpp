// Whether the canary beside a trial tells what a busier machine does to it:
//
//   canary_bench [--rounds 12] [--workload workloads/demo/chat.json]
//
// Trials of the default config in a closed loop, every other one beside a process that keeps one
// core busy: by how much it and its canary are slower then, and how far single trials are from the
// median of the quiet ones before and after they are divided by what the search would take for the
// machine's slowdown (optimizer/drift.h). Canaries of quiet trials beside each other tell what is
// noise.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "bench/flags.h"
#include "optimizer/drift.h"
#include "profiles/profiler.h"
#include "profiles/statistics.h"
#include "profiles/steady_clock.h"
#include "runtime/deployment.h"
#include "workloads/workload_json.h"

namespace {

using namespace paretune;

// Keeps a core busy as long as it lives.
class Neighbour {
 public:
  Neighbour() : pid_(fork()) {
    if (pid_ == 0) {
      for (volatile double x = 1;;) x = x * 1.0000001;
    }
  }
  ~Neighbour() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  pid_t pid_;
};

struct Seen {
  double cost, canary_s;
};

double median_of(const std::vector<Seen>& seen, double Seen::*field) {
  std::vector<double> values;
  for (const Seen& one : seen) values.push_back(one.*field);
  return median(values);
}

// Mean of |log| of a trial's cost over the quiet ones' median, as a percentage.
double off(const std::vector<Seen>& seen, const std::vector<Seen>& quiet, bool corrected) {
  const double cost = median_of(quiet, &Seen::cost), canary = median_of(quiet, &Seen::canary_s);
  double sum = 0;
  for (const Seen& one : seen) {
    const double slower = corrected ? slowdown(one.canary_s, canary) : 1;
    sum += std::abs(std::log(one.cost / slower / cost));
  }
  return 100 * sum / double(seen.size());
}

}  // namespace

int main(int argc, char** argv) try {
  int rounds = 12;
  std::string file = "workloads/demo/chat.json";
  read_flags(argc, argv, {flag("--rounds", rounds), flag("--workload", file)});

  Workload workload = load_workload(file);
  workload.slo = {};
  workload.arrival = {.process = &kClosedLoop, .concurrency = 8};
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("paretune-canary-" + std::to_string(getpid()));
  {
    Store store(folder / "a.sqlite");
    SteadyClock clock;
    std::atomic<bool> stop = false;
    Profiler profiler(workload, store, clock, "canary_bench", stop);
    profiler.prepare_reference();
    const DeployConfig config = default_config(profiler.target());
    std::vector<Seen> quiet, busy;
    for (int round = 0; round < 2 * rounds; ++round) {
      std::optional<Neighbour> neighbour;
      if (round % 2 == 1) neighbour.emplace();
      const Profiled trial = profiler.measure(config, workload, std::uint64_t(round), 600);
      const Speed& speed = trial.measurement.speed;
      (neighbour ? busy : quiet)
          .push_back({1 / speed.at_workload.output_tokens_per_s, speed.canary_s});
    }
    std::vector<double> canaries;
    for (const Seen& one : quiet)
      canaries.push_back(one.canary_s / median_of(quiet, &Seen::canary_s));
    std::ranges::sort(canaries);
    std::printf("quiet: canary %.1f ms, its range [%.3f %.3f] of the median, %d trials\n",
                1e3 * median_of(quiet, &Seen::canary_s), canaries.front(), canaries.back(), rounds);
    std::printf("beside a neighbour on one core: trials x %.2f, canaries x %.2f\n",
                median_of(busy, &Seen::cost) / median_of(quiet, &Seen::cost),
                median_of(busy, &Seen::canary_s) / median_of(quiet, &Seen::canary_s));
    std::printf("\n| off by (mean) | as measured | divided by the slowdown |\n|---|---|---|\n");
    std::printf("| quiet | %.1f %% | %.1f %% |\n| busy | %.1f %% | %.1f %% |\n",
                off(quiet, quiet, false), off(quiet, quiet, true), off(busy, quiet, false),
                off(busy, quiet, true));
  }
  std::filesystem::remove_all(folder);
} catch (const std::exception& error) {
  std::fprintf(stderr, "canary_bench: %s\n", error.what());
  return 1;
}
