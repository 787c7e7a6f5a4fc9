// What this machine can do at most, measured: the figures that others are a fraction of.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/engine/aligned_buffer.h"

namespace paretune {

// GB/s of reading memory that no cache holds, by `threads` threads at once: the median at the best
// prefetch distance.
double read_bandwidth(int threads);

// The same again and again, to set beside what is measured in between: on a shared machine the
// bandwidth of one minute is not that of the next.
class ReadProbe {
 public:
  explicit ReadProbe(int threads);  // chooses the prefetch distance
  double gb_per_s() const;          // of one pass, over more memory than any cache holds

 private:
  double seconds(int prefetch) const;

  std::size_t each_;  // bytes of one thread
  std::vector<AlignedBuffer> memory_;
  int prefetch_ = 0;
};

// Operations per second (10^12, two a multiply-add) of one thread on registers alone; 0 where this
// CPU lacks the instructions. Median of rounds in thread time.
double peak_fma_avx512();
double peak_fma_avx2();
double peak_vnni();
double peak_amx_int8();
double peak_amx_bf16();

}  // namespace paretune
