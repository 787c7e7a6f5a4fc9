#include "bench/ceilings.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "kernels/amx_tiles.h"
#include "kernels/isa.h"
#include "kernels/target.h"

namespace paretune {
namespace {

volatile std::uint64_t sink;  // keeps what is computed only to be timed

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

template <class Work>
double median_seconds(int rounds, Work work, double (*clock)()) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    const double start = clock();
    work();
    seconds.push_back(clock() - start);
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

PARETUNE_AVX512 void read_avx512(const char* from, std::size_t bytes, int prefetch) {
  __m512i sums[4] = {};
  for (std::size_t i = 0; i + 256 <= bytes; i += 256) {
    PARETUNE_UNROLL for (int j = 0; j < 4; ++j) {
      _mm_prefetch(from + i + 64 * j + prefetch, _MM_HINT_T0);
      sums[j] = _mm512_add_epi64(sums[j], _mm512_loadu_si512(from + i + 64 * j));
    }
  }
  sink = static_cast<std::uint64_t>(_mm512_reduce_add_epi64(
      _mm512_add_epi64(_mm512_add_epi64(sums[0], sums[1]), _mm512_add_epi64(sums[2], sums[3]))));
}
PARETUNE_AVX2 void read_avx2(const char* from, std::size_t bytes, int prefetch) {
  __m256i sums[4] = {};
  for (std::size_t i = 0; i + 128 <= bytes; i += 128) {
    PARETUNE_UNROLL for (int j = 0; j < 4; ++j) {
      if (j % 2 == 0) _mm_prefetch(from + i + 32 * j + prefetch, _MM_HINT_T0);
      sums[j] = _mm256_add_epi64(
          sums[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + i + 32 * j)));
    }
  }
  const __m256i sum =
      _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3]));
  sink = static_cast<std::uint64_t>(_mm256_extract_epi64(sum, 0));
}

constexpr int kPeakSteps = 1 << 20;

PARETUNE_AVX512 void fma_avx512() {
  __m512 sums[12];
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) sums[i] = _mm512_set1_ps(float(i));
  const __m512 a = _mm512_set1_ps(0.5f);
  for (int step = 0; step < kPeakSteps; ++step) {
    PARETUNE_UNROLL for (int i = 0; i < 12; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], a, a);
      asm("" : "+v"(sums[i]));
    }
  }
  __m512 total = _mm512_setzero_ps();
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) total = _mm512_add_ps(total, sums[i]);
  sink = std::uint64_t(_mm512_reduce_add_ps(total));
}

PARETUNE_AVX2 void fma_avx2() {
  __m256 sums[12];
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) sums[i] = _mm256_set1_ps(float(i));
  const __m256 a = _mm256_set1_ps(0.5f);
  for (int step = 0; step < kPeakSteps; ++step) {
    PARETUNE_UNROLL for (int i = 0; i < 12; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], a, a);
      asm("" : "+x"(sums[i]));
    }
  }
  __m256 total = _mm256_setzero_ps();
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) total = _mm256_add_ps(total, sums[i]);
  sink = std::uint64_t(_mm256_cvtss_f32(total));
}

PARETUNE_AVX512_VNNI void dot_vnni() {
  __m512i sums[12];
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(1);
  for (int step = 0; step < kPeakSteps; ++step) {
    PARETUNE_UNROLL for (int i = 0; i < 12; ++i) {
      sums[i] = _mm512_dpbusd_epi32(sums[i], a, a);
      asm("" : "+v"(sums[i]));
    }
  }
  __m512i total = _mm512_setzero_si512();
  PARETUNE_UNROLL for (int i = 0; i < 12; ++i) total = _mm512_add_epi32(total, sums[i]);
  sink = std::uint64_t(_mm512_reduce_add_epi32(total));
}

TileConfig full_tiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.shape(tile, 16, 64);
  return config;
}
template <bool Int8>
void dot_amx() {
  HardwareTiles tiles(full_tiles());
  tiles.zero<0>(), tiles.zero<1>(), tiles.zero<2>(), tiles.zero<3>();
  tiles.zero<4>(), tiles.zero<5>(), tiles.zero<6>(), tiles.zero<7>();
  for (int step = 0; step < kPeakSteps / 16; ++step) {
    if constexpr (Int8) {
      tiles.dot_int8<0, 4, 6>(), tiles.dot_int8<1, 4, 7>();
      tiles.dot_int8<2, 5, 6>(), tiles.dot_int8<3, 5, 7>();
    } else {
      tiles.dot_bf16<0, 4, 6>(), tiles.dot_bf16<1, 4, 7>();
      tiles.dot_bf16<2, 5, 6>(), tiles.dot_bf16<3, 5, 7>();
    }
  }
}

double peak(Isa needs, void (*work)(), double operations) {
  return cpu_has(needs) ? operations * 1e-12 / median_seconds(9, work, thread_seconds) : 0;
}

}  // namespace

ReadProbe::ReadProbe(int threads) {
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  const std::size_t all = std::clamp<std::size_t>(2 * std::size_t(std::max(cache, 0l)) + (32 << 20),
                                                  256 << 20, 1 << 30);
  each_ = all / std::size_t(threads) / 4096 * 4096;
  for (int i = 0; i < threads; ++i) {
    memory_.emplace_back(each_ + 8192);
    std::ranges::fill(memory_.back().bytes(), std::byte{1});
  }
  double least = 0;
  for (const int prefetch : {0, 512, 1024, 2048, 4096}) {
    const double s = median_seconds(
        5, [&] { seconds(prefetch); }, wall_seconds);
    if (least > 0 && s >= least) continue;
    least = s;
    prefetch_ = prefetch;
  }
}

double ReadProbe::seconds(int prefetch) const {
  const auto read = cpu_has(Isa::avx512) ? read_avx512 : read_avx2;
  const auto pass = [&](const AlignedBuffer& memory) {
    read(reinterpret_cast<const char*>(memory.data()), each_, prefetch);
  };
  const double begin = wall_seconds();
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < memory_.size(); ++i) {
    others.emplace_back([&, i] { pass(memory_[i]); });
  }
  pass(memory_[0]);
  for (std::thread& other : others) other.join();
  return wall_seconds() - begin;
}

double ReadProbe::gb_per_s() const {
  return double(each_) * double(memory_.size()) / 1e9 / seconds(prefetch_);
}

double read_bandwidth(int threads) {
  const ReadProbe probe(threads);
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) rates.push_back(probe.gb_per_s());
  std::ranges::sort(rates);
  return rates[2];
}

double peak_fma_avx512() { return peak(Isa::avx512, fma_avx512, 12.0 * 32 * kPeakSteps); }
double peak_fma_avx2() { return peak(Isa::avx2, fma_avx2, 12.0 * 16 * kPeakSteps); }
double peak_vnni() { return peak(Isa::avx512_vnni, dot_vnni, 12.0 * 128 * kPeakSteps); }
double peak_amx_int8() {
  return peak(Isa::amx_int8, dot_amx<true>, 4.0 * 2 * 16 * 16 * 64 * (kPeakSteps / 16));
}
double peak_amx_bf16() {
  return peak(Isa::amx_bf16, dot_amx<false>, 4.0 * 2 * 16 * 16 * 32 * (kPeakSteps / 16));
}

}  // namespace paretune
