// What this machine can do at most, measured: the figures that others are a fraction of.
#pragma once

namespace paretune {

// GB/s of reading memory that no cache holds, by `threads` threads at once: the best median over
// several prefetch distances.
double read_bandwidth(int threads);

// Operations per second (10^12, two a multiply-add) of one thread on registers alone; 0 where this
// CPU lacks the instructions. Median of rounds in thread time.
double peak_fma_avx512();
double peak_fma_avx2();
double peak_vnni();
double peak_amx_int8();
double peak_amx_bf16();

}  // namespace paretune
