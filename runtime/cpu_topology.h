// Which CPUs this process may use, and which of them share a core.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

namespace paretune {

// `allowed` in the order in which threads should take them: one hardware thread of every core
// first, then the siblings. root: where sys/devices/system/cpu lies; CPUs that it says nothing of
// are cores of their own.
std::vector<int> by_core(std::span<const int> allowed, const std::filesystem::path& root = "/");

// Cores among them.
int core_count(std::span<const int> allowed, const std::filesystem::path& root = "/");

// CPUs of this process's affinity mask, ascending.
std::vector<int> affinity_cpus();

// How many CPUs' worth of time the cgroup grants, rounded up: cgroup v2's cpu.max, or v1's cfs
// quota, at most `cpus`.
int quota_cpus(int cpus, const std::filesystem::path& root = "/");

}  // namespace paretune
