// The machine as this process may use it: cores and memory after affinity and cgroups, instruction
// sets after the cap.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "kernels/isa.h"
#include "runtime/cpu_topology.h"
#include "runtime/target.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace paretune {
namespace {

// The value after "key<spaces>:" of /proc/cpuinfo's first processor, or "".
std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const auto colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

std::uint64_t usable_memory() {
  const auto physical = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(sysconf(_SC_PAGE_SIZE));
  std::uint64_t limit = 0;
  std::ifstream file("/sys/fs/cgroup/memory.max");
  return file >> limit ? std::min(limit, physical) : physical;
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.cpu = cpuinfo("model name");
  const std::vector<int> cpus = affinity_cpus();
  machine.cores = quota_cpus(static_cast<int>(cpus.size()));
  machine.physical_cores = std::min(machine.cores, core_count(cpus));
  machine.memory_bytes = usable_memory();
  for (const Isa isa :
       {Isa::avx2, Isa::avx512, Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx_int8, Isa::amx_bf16}) {
    if (!cpu_has(isa)) continue;
    if (!machine.isa.empty()) machine.isa += ' ';
    machine.isa += isa_name(isa);
  }
  // Memory in GiB: a reboot moves the exact figure by some pages.
  const std::string identity =
      machine.cpu + '\n' + cpuinfo("cpu family") + '.' + cpuinfo("model\t") + '.' +
      cpuinfo("stepping") + '\n' + std::to_string(machine.cores) + '\n' +
      std::to_string((machine.memory_bytes + (1u << 29)) >> 30) + '\n' + machine.isa;
  const XXH128_hash_t hash = XXH3_128bits(identity.data(), identity.size());
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  machine.fingerprint = text;
  return machine;
}

}  // namespace paretune
