// CPUID and XGETBV asked directly: __builtin_cpu_supports knows neither AMX nor, in clang 14, F16C.
#include "kernels/isa.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace paretune {
namespace {

struct Cap {
  std::string_view name;
  Isa highest;
};
constexpr std::array kCaps{
    Cap{"baseline", Isa::baseline},       Cap{"avx2", Isa::avx2},
    Cap{"avx512", Isa::avx512},           Cap{"avx512_vnni", Isa::avx512_vnni},
    Cap{"avx512_bf16", Isa::avx512_bf16}, Cap{"amx", Isa::amx_bf16},
};

constexpr std::array<std::string_view, 7> kIsaNames{
    "baseline", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"};

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);  // leaves zeros where unknown
  return r;
}

// The register states that the operating system saves (Intel SDM volume 1, section 13.3).
std::uint64_t saved_states() {
  constexpr unsigned kOsXsave = 1u << 27;
  if (!(cpuid(1, 0).ecx & kOsXsave)) return 0;
  std::uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32 | low;
}

// Linux lends the 8 KiB of tile registers to a process that asks for them once.
bool request_tiles() {
#ifdef SYS_arch_prctl
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

constexpr bool bits(std::uint64_t value, std::uint64_t wanted) {
  return (value & wanted) == wanted;
}
constexpr unsigned bit(int i) { return 1u << i; }

std::array<bool, kIsaNames.size()> detect() {
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0), seven_one = cpuid(7, 1);
  const std::uint64_t os = saved_states();
  const bool ymm = bits(os, 0b110), zmm = bits(os, 0b1110'0110), tiles = bits(os, 0b11ull << 17);

  std::array<bool, kIsaNames.size()> has{};
  const auto at = [&](Isa isa) -> bool& { return has[static_cast<std::size_t>(isa)]; };
  at(Isa::baseline) = true;
  at(Isa::avx2) = ymm && bits(one.ecx, bit(12) | bit(28) | bit(29)) && bits(seven.ebx, bit(5));
  at(Isa::avx512) = at(Isa::avx2) && zmm && bits(seven.ebx, bit(16) | bit(17) | bit(30) | bit(31));
  at(Isa::avx512_vnni) = at(Isa::avx512) && bits(seven.ecx, bit(11));
  at(Isa::avx512_bf16) = at(Isa::avx512) && bits(seven_one.eax, bit(5));
  const bool amx = at(Isa::avx512) && tiles && bits(seven.edx, bit(24)) && request_tiles();
  at(Isa::amx_int8) = amx && bits(seven.edx, bit(25));
  at(Isa::amx_bf16) = amx && bits(seven.edx, bit(22));

  if (const char* cap = std::getenv("PARETUNE_MAX_ISA"); cap && *cap) {
    for (std::size_t i = 0; i < has.size(); ++i) {
      has[i] = cap_allows(cap, static_cast<Isa>(i)) && has[i];
    }
  }
  return has;
}

}  // namespace

bool cap_allows(std::string_view cap, Isa isa) {
  std::string known;
  for (const Cap& c : kCaps) {
    if (c.name == cap) return isa <= c.highest;
    known += (known.empty() ? "" : ", ") + std::string(c.name);
  }
  throw std::runtime_error("PARETUNE_MAX_ISA: unknown instruction set \"" + std::string(cap) +
                           "\"; known: " + known);
}

bool cpu_has(Isa isa) {
  static const auto has = detect();
  return has[static_cast<std::size_t>(isa)];
}

std::string_view isa_name(Isa isa) { return kIsaNames[static_cast<std::size_t>(isa)]; }

}  // namespace paretune
