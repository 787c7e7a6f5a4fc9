// Instruction sets a kernel variant may need, and whether this machine has them.
#pragma once

#include <string_view>

namespace paretune {

enum class Isa { baseline, avx2, avx512, avx512_vnni, avx512_bf16, amx_int8, amx_bf16 };

// True if the CPU, the operating system (XCR0; for AMX also arch_prctl) and the cap all allow it.
// avx2 implies FMA and F16C; avx512 implies F, BW, DQ and VL.
// The cap is the environment variable PARETUNE_MAX_ISA: baseline, avx2, avx512, avx512_vnni,
// avx512_bf16 or amx (each includes those before it), read once. An unknown value throws
// std::runtime_error with the known ones.
bool cpu_has(Isa isa);

// Whether a cap spelled as above includes `isa`; throws as above.
bool cap_allows(std::string_view cap, Isa isa);

std::string_view isa_name(Isa isa);

}  // namespace paretune
