// How fast this machine reads memory and multiplies, and how much of that each kernel variant gets.
//
//   kernels_bench [filter]     only rows whose name contains `filter`
//
// decode   m = 1, weights rotated over more than twice the last-level cache: GB/s of packed weights
// prefill  m = 512, n = k = 2048: TOP/s, two operations a weight and row
// Every answer is checked against the scalar variant first. A figure is the median of rounds, with
// the best beside it: machines are shared, and an interruption only ever adds time.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/ceilings.h"
#include "kernels/attention.h"
#include "kernels/matmul.h"
#include "kernels/target.h"

namespace paretune {
namespace {

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

struct Timing {
  double median_s, best_s;
};

template <class Work>
Timing time(int rounds, Work work, double (*clock)() = thread_seconds) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) {
    const double start = clock();
    work();
    seconds.push_back(clock() - start);
  }
  std::ranges::sort(seconds);
  return {seconds[seconds.size() / 2], seconds.front()};
}

// Heap memory aligned to 64 bytes.
class Bytes {
 public:
  explicit Bytes(std::size_t size) : size_(size), storage_(size + 64) {}
  std::byte* data() {
    return storage_.data() + (64 - reinterpret_cast<std::uintptr_t>(storage_.data()) % 64) % 64;
  }
  std::span<std::byte> span() { return {data(), size_}; }

 private:
  std::size_t size_;
  std::vector<std::byte> storage_;
};

std::vector<float> random_floats(std::size_t count) {
  std::mt19937_64 rng(1);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(double(rng() >> 11) * 0x1p-52 - 1);
  return values;
}

std::size_t cold_bytes() {
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return std::clamp<std::size_t>(2 * std::size_t(std::max(cache, 0l)) + (32 << 20), 96 << 20,
                                 1 << 30);
}

// ---- matmul

std::string name_of(const MatmulVariant& v) {
  constexpr const char* kActivations[] = {"f32", "bf16", "int8"};
  return std::string(v.family) + " " + std::string(v.weights->name) + " x " +
         kActivations[static_cast<int>(v.activations)];
}

std::vector<float> multiply(const MatmulVariant& v, std::span<const float> x, int m,
                            const PackedMatrix& w, int panels) {
  Bytes prepared(v.prepared_bytes(m, w.k));
  v.prepare(x.data(), m, w.k, 0, m, prepared.data());
  std::vector<float> y(std::size_t(m) * w.n);
  v.run(prepared.data(), m, w.panels(0, panels), {}, y.data(), w.n);
  return y;
}

// The first 64 columns against the scalar variant, relative to the row's norm.
bool right(const MatmulVariant& v, std::span<const float> x, int m, const PackedMatrix& w) {
  const MatmulVariant& scalar = resolve_matmul("scalar", *v.weights, v.activations);
  const auto y = multiply(v, x, m, w, 4), reference = multiply(scalar, x, m, w, 4);
  for (int i = 0; i < m; ++i) {
    double error = 0, norm = 0;
    for (int j = 0; j < 64; ++j) {
      const double r = reference[std::size_t(i) * w.n + j];
      error += (y[std::size_t(i) * w.n + j] - r) * (y[std::size_t(i) * w.n + j] - r);
      norm += r * r;
    }
    if (!(error <= 1e-10 * norm)) return false;
  }
  return true;
}

void print_matmul(const MatmulVariant& v) {
  constexpr int n = 2048, k = 2048, m = 512;
  const std::string name = name_of(v);
  if (!cpu_has(v.needs)) {
    std::printf("%-26s skipped: needs %s\n", name.c_str(), std::string(isa_name(v.needs)).c_str());
    return;
  }
  const auto x = random_floats(std::size_t(m) * k), weights = random_floats(std::size_t(n) * k);
  const std::size_t bytes = v.weights->packed_bytes(n, k);
  const int copies = static_cast<int>(cold_bytes() / bytes) + 1;
  std::vector<Bytes> packed;
  for (int i = 0; i < copies; ++i) packed.emplace_back(bytes);
  v.weights->pack(weights, n, k, 0, n, packed[0].span());
  for (int i = 1; i < copies; ++i) std::memcpy(packed[i].data(), packed[0].data(), bytes);
  const auto matrix = [&](int i) { return PackedMatrix{v.weights, n, k, packed[i].span()}; };

  if (!right(v, std::span(x).first(k), 1, matrix(0)) ||
      !right(v, std::span(x).first(17 * k), 17, matrix(0))) {
    std::printf("%-26s WRONG\n", name.c_str());
    return;
  }

  std::vector<float> y(std::size_t(m) * n);
  Bytes prepared(v.prepared_bytes(m, k));
  const auto decode = [&](int rows, int rounds) {
    v.prepare(x.data(), rows, k, 0, rows, prepared.data());
    return time(rounds, [&] {
      for (int i = 0; i < copies; ++i) v.run(prepared.data(), rows, matrix(i), {}, y.data(), n);
    });
  };
  const bool slow = v.family == "scalar";
  const Timing one = decode(1, slow ? 1 : 7);
  const double gigabytes = double(bytes) * copies / 1e9;
  std::printf("%-26s %7.2f (best %6.2f)", name.c_str(), gigabytes / one.median_s,
              gigabytes / one.best_s);
  if (slow) {
    std::printf("\n");
    return;
  }
  const Timing eight = decode(8, 5);
  const Timing many = time(7, [&] {
    v.prepare(x.data(), m, k, 0, m, prepared.data());
    v.run(prepared.data(), m, matrix(0), {}, y.data(), n);
  });
  const double tera = 2.0 * m * n * k / 1e12;
  std::printf(" %8.2f (best %6.2f) %9.3f (best %.3f)\n", gigabytes / eight.median_s,
              gigabytes / eight.best_s, tera / many.median_s, tera / many.best_s);
}

void print_ceilings() {
  const int cores = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  std::printf("memory read, 1 thread %22.1f GB/s\n", read_bandwidth(1));
  if (cores > 1) std::printf("memory read, %d threads %21.1f GB/s\n", cores, read_bandwidth(cores));
  const std::pair<const char*, double> peaks[] = {{"f32 FMA, avx512", peak_fma_avx512()},
                                                  {"f32 FMA, avx2", peak_fma_avx2()},
                                                  {"int8, avx512_vnni", peak_vnni()},
                                                  {"int8, amx", peak_amx_int8()},
                                                  {"bf16, amx", peak_amx_bf16()}};
  for (const auto& [name, peak] : peaks) {
    if (peak > 0) std::printf("%-20s %23.3f TOP/s of one thread\n", name, peak);
  }
}

// ---- attention: 32 query heads on 8 KV heads of 128, the last of 4096 positions

void print_attention(const AttentionVariant& v) {
  constexpr int n_heads = 32, n_kv_heads = 8, head_dim = 128, page_tokens = 64, context = 4096;
  const std::string name = std::string(v.name) + " " + std::string(v.format->name);
  if (!cpu_has(v.needs)) {
    std::printf("%-26s skipped: needs %s\n", name.c_str(), std::string(isa_name(v.needs)).c_str());
    return;
  }
  const std::size_t page = kv_page_bytes(*v.format, page_tokens, n_kv_heads, head_dim);
  Bytes cache(page * (context / page_tokens));
  std::vector<std::byte*> pages;
  for (int i = 0; i < context / page_tokens; ++i) pages.push_back(cache.data() + i * page);
  const KvPages kv{v.format, pages, page_tokens, n_kv_heads, head_dim};
  const auto values = random_floats(head_dim * 61);
  for (int t = 0; t < context; ++t) {
    for (int h = 0; h < n_kv_heads; ++h) {
      v.format->store(std::span(values).subspan((t + h) % 61 * head_dim, head_dim), kv.key(t, h));
      v.format->store(std::span(values).subspan((t * 7 + h) % 61 * head_dim, head_dim),
                      kv.value(t, h));
    }
  }
  const auto q = random_floats(n_heads * head_dim);
  std::vector<float> scratch(v.scratch_floats(context, n_heads, n_kv_heads, head_dim));
  std::vector<float> out(q.size());
  const Timing t = time(v.name == "scalar" ? 1 : 9, [&] {
    for (int h = 0; h < n_kv_heads; ++h) {
      v.run(q.data(), n_heads, kv, context - 1, h, 0, 1, 0.088388f, scratch, out.data());
    }
  });
  const double gigabytes = double(page) * double(pages.size()) / 1e9;
  std::printf("%-26s %7.2f (best %6.2f)\n", name.c_str(), gigabytes / t.median_s,
              gigabytes / t.best_s);
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  using namespace paretune;
  const std::string filter = argc > 1 ? argv[1] : "";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("median (best) of rounds\n\n");
  print_ceilings();
  std::printf(
      "\none thread, n = k = 2048         m=1 GB/s               m=8 GB/s             m=512 "
      "TOP/s\n");
  for (const MatmulVariant& v : matmul_variants()) {
    if (name_of(v).find(filter) != std::string::npos) print_matmul(v);
  }
  std::printf("\nattention, one thread, decode at 4096    GB/s of cache\n");
  for (const AttentionVariant& v : attention_variants()) {
    if (v.name.find(filter) != std::string::npos) print_attention(v);
  }
}
