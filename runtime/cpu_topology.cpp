#include "runtime/cpu_topology.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace paretune {
namespace {

// The lowest of the CPUs that share this one's core: the first number of "0,4" or "0-1".
int core_of(int cpu, const std::filesystem::path& root) {
  std::ifstream file(root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) /
                     "topology/thread_siblings_list");
  int first = cpu;
  return file >> first && first >= 0 ? first : cpu;
}

}  // namespace

std::vector<int> by_core(std::span<const int> allowed, const std::filesystem::path& root) {
  std::vector<int> first, siblings, seen;
  for (const int cpu : allowed) {
    const int core = core_of(cpu, root);
    const bool taken = std::ranges::find(seen, core) != seen.end();
    (taken ? siblings : first).push_back(cpu);
    if (!taken) seen.push_back(core);
  }
  first.insert(first.end(), siblings.begin(), siblings.end());
  return first;
}

int core_count(std::span<const int> allowed, const std::filesystem::path& root) {
  std::vector<int> cores;
  for (const int cpu : allowed) cores.push_back(core_of(cpu, root));
  std::ranges::sort(cores);
  return static_cast<int>(std::unique(cores.begin(), cores.end()) - cores.begin());
}

std::vector<int> affinity_cpus() {
  std::vector<int> cpus;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
    }
  } else {
    for (int cpu = 0; cpu < static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); ++cpu)
      cpus.push_back(cpu);
  }
  return cpus;
}

int quota_cpus(int cpus, const std::filesystem::path& root) {
  double quota = 0, period = 0;
  // "<quota> <period>", or "max <period>", which is no number.
  std::ifstream v2(root / "sys/fs/cgroup/cpu.max");
  if (!(v2 >> quota >> period)) {
    std::ifstream v1_quota(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        v1_period(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(v1_quota >> quota) || !(v1_period >> period)) return cpus;
  }
  if (quota <= 0 || period <= 0) return cpus;  // -1: no limit
  return std::clamp(static_cast<int>(std::ceil(quota / period)), 1, cpus);
}

}  // namespace paretune
