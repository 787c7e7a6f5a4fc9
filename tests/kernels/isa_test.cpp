#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace paretune {
namespace {

constexpr Isa kAll[] = {Isa::baseline,    Isa::avx2,     Isa::avx512,  Isa::avx512_vnni,
                        Isa::avx512_bf16, Isa::amx_int8, Isa::amx_bf16};

TEST(Isa, EachImpliesThoseItIsBuiltOn) {
  EXPECT_TRUE(cpu_has(Isa::baseline));
  if (cpu_has(Isa::avx512)) {
    EXPECT_TRUE(cpu_has(Isa::avx2));
  }
  for (Isa isa : {Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx_int8, Isa::amx_bf16}) {
    if (cpu_has(isa)) {
      EXPECT_TRUE(cpu_has(Isa::avx512)) << isa_name(isa);
    }
  }
  for (Isa isa : kAll)
    std::printf("%s: %s\n", std::string(isa_name(isa)).c_str(), cpu_has(isa) ? "yes" : "no");
}

TEST(Isa, AgreesWithTheCompilersOwnDetection) {
  if (const char* cap = std::getenv("PARETUNE_MAX_ISA"); cap && *cap)
    GTEST_SKIP() << "skipped: capped";
  EXPECT_EQ(cpu_has(Isa::avx2), __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  EXPECT_EQ(cpu_has(Isa::avx512),
            __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ(cpu_has(Isa::avx512_vnni),
            cpu_has(Isa::avx512) && __builtin_cpu_supports("avx512vnni"));
  EXPECT_EQ(cpu_has(Isa::avx512_bf16),
            cpu_has(Isa::avx512) && __builtin_cpu_supports("avx512bf16"));
}

TEST(Isa, ACapAllowsWhatComesBeforeIt) {
  EXPECT_TRUE(cap_allows("baseline", Isa::baseline));
  EXPECT_FALSE(cap_allows("baseline", Isa::avx2));
  EXPECT_TRUE(cap_allows("avx2", Isa::avx2));
  EXPECT_FALSE(cap_allows("avx2", Isa::avx512));
  EXPECT_TRUE(cap_allows("avx512_vnni", Isa::avx512));
  EXPECT_FALSE(cap_allows("avx512_vnni", Isa::avx512_bf16));
  EXPECT_FALSE(cap_allows("avx512_bf16", Isa::amx_int8));
  for (Isa isa : kAll) EXPECT_TRUE(cap_allows("amx", isa));
}

TEST(Isa, RefusesAnUnknownCap) {
  try {
    cap_allows("sse9", Isa::baseline);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(std::string(e.what()),
              "PARETUNE_MAX_ISA: unknown instruction set \"sse9\"; known: baseline, avx2, avx512, "
              "avx512_vnni, avx512_bf16, amx");
  }
}

}  // namespace
}  // namespace paretune
