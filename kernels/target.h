// How a function gets its instruction set: an attribute on the function, never a file-wide flag,
// which would leak AVX code into inline functions that the linker may share (DESIGN, section 3).
//
// GCC does not pass the attribute on to lambdas, so code under these macros has none.
#pragma once

// GCC 12 warns of its own header: undefined vectors there are variables initialized with themselves
// (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#define PARETUNE_AVX2 [[gnu::target("avx2,fma,f16c")]]
#define PARETUNE_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]]
#define PARETUNE_AVX512_VNNI \
  [[gnu::target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]]
#define PARETUNE_AVX512_BF16 \
  [[gnu::target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]]

// Before a loop of constant length over registers: without it -O2 keeps an array of accumulators in
// memory.
#ifdef __clang__
#define PARETUNE_UNROLL _Pragma("unroll")
#else
#define PARETUNE_UNROLL _Pragma("GCC unroll 16")
#endif
