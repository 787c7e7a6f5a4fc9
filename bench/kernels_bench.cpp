// How fast this machine reads memory and multiplies, and how much of that each kernel variant gets.
//
//   kernels_bench [filter]     only rows whose name contains `filter`
//
// decode   m = 1 and 8, weights rotated over more than twice the last-level cache: GB/s of packed
//          weights, with one thread and with all
// prefill  m = 512: TOP/s, two operations a weight and row
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
#include "runtime/target.h"

namespace paretune {
namespace {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
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

struct Ceilings {
  int threads;
  ReadProbe read_one{1}, read_all{threads};  // measured again before each row
};

void print_matmul(const MatmulVariant& v, const Ceilings& ceilings) {
  constexpr int n = 4096, k = 4096, m = 512;
  const std::string name = name_of(v);
  if (!cpu_has(v.needs)) {
    std::printf("%-26s skipped: needs %s\n", name.c_str(), std::string(isa_name(v.needs)).c_str());
    return;
  }
  const auto x = random_floats(std::size_t(m) * k);
  const std::size_t bytes = v.weights->packed_bytes(n, k);
  const int copies = static_cast<int>(cold_bytes() / bytes) + 1;
  Bytes packed(bytes * std::size_t(copies));
  {
    const auto weights = random_floats(std::size_t(n) * k);
    v.weights->pack(weights, n, k, 0, n, packed.span().first(bytes));
  }
  for (int i = 1; i < copies; ++i) std::memcpy(packed.data() + i * bytes, packed.data(), bytes);
  const auto matrix = [&](int i) {
    return PackedMatrix{v.weights, n, k, packed.span().subspan(i * bytes, bytes)};
  };

  if (!right(v, std::span(x).first(k), 1, matrix(0)) ||
      !right(v, std::span(x).first(17 * k), 17, matrix(0))) {
    std::printf("%-26s WRONG\n", name.c_str());
    return;
  }
  std::printf("%-26s", name.c_str());
  if (v.family == "scalar") {
    std::printf(" the reference\n");
    return;
  }
  std::vector<float> y(std::size_t(m) * n);
  Bytes prepared(v.prepared_bytes(m, k));
  // Threads own equal shares of the columns, as in the engine.
  const auto decode = [&](int rows, int threads) {
    v.prepare(x.data(), rows, k, 0, rows, prepared.data());
    const auto share = [&](int rank) {
      for (int i = 0; i < copies; ++i) {
        const int begin = n / 16 * rank / threads, end = n / 16 * (rank + 1) / threads;
        v.run(prepared.data(), rows, matrix(i).panels(begin, end), {}, y.data() + 16 * begin, n);
      }
    };
    const Timing t = time(
        5,
        [&] {
          std::vector<std::thread> others;
          for (int rank = 1; rank < threads; ++rank) others.emplace_back(share, rank);
          share(0);
          for (std::thread& other : others) other.join();
        },
        wall_seconds);
    return double(bytes) * copies / 1e9 / t.median_s;
  };
  // The bandwidth of the moment beside each: the median of three pairs' ratios.
  const auto paired = [&](int threads, const ReadProbe& read) {
    std::vector<std::pair<double, double>> pairs;  // ratio, rate
    for (int i = 0; i < 3; ++i) {
      const double ceiling = read.gb_per_s(), rate = decode(1, threads);
      pairs.emplace_back(rate / ceiling, rate);
    }
    std::ranges::sort(pairs);
    return pairs[1];
  };
  const auto [one_ratio, one] = paired(1, ceilings.read_one);
  const auto [all_ratio, all] = paired(ceilings.threads, ceilings.read_all);
  const double eight = decode(8, 1);
  const Timing many = time(5, [&] {
    v.prepare(x.data(), m, k, 0, m, prepared.data());
    for (int row = 0; row < m; row += 256) {  // rows that stay in L2
      v.run(prepared.data() + row * v.row_bytes(k), std::min(256, m - row), matrix(0),
            {.streams = 4}, y.data() + row * n, n);
    }
  });
  std::printf(" %6.1f %3.0f %% %8.1f %3.0f %% %8.1f %9.3f (best %.3f)\n", one, 100 * one_ratio, all,
              100 * all_ratio, eight, 2.0 * m * n * k / 1e12 / many.median_s,
              2.0 * m * n * k / 1e12 / many.best_s);
}

Ceilings print_ceilings() {
  Ceilings c{.threads = this_machine().cores};
  std::printf("memory read, 1 thread %22.1f GB/s\n", c.read_one.gb_per_s());
  std::printf("memory read, %d threads %21.1f GB/s\n", c.threads, c.read_all.gb_per_s());
  const std::pair<const char*, double> peaks[] = {{"f32 FMA, avx512", peak_fma_avx512()},
                                                  {"f32 FMA, avx2", peak_fma_avx2()},
                                                  {"int8, avx512_vnni", peak_vnni()},
                                                  {"int8, amx", peak_amx_int8()},
                                                  {"bf16, amx", peak_amx_bf16()}};
  for (const auto& [name, peak] : peaks) {
    if (peak > 0) std::printf("%-20s %23.3f TOP/s of one thread\n", name, peak);
  }
  return c;
}

// ---- attention: 32 query heads on 8 KV heads of 128; the last of 4096 positions, and of 512 the
// last 16 together

void print_attention(const AttentionVariant& v) {
  constexpr int n_heads = 32, n_kv_heads = 8, head_dim = 128, page_tokens = 64, context = 4096;
  constexpr int prompt = 512, tile = 16;
  const std::string name = std::string(v.name) + " " + std::string(v.format->name);
  if (!cpu_has(v.needs)) {
    std::printf("%-26s skipped: needs %s\n", name.c_str(), std::string(isa_name(v.needs)).c_str());
    return;
  }
  const std::size_t page = kv_page_bytes(*v.format, page_tokens, n_kv_heads, head_dim);
  Bytes cache(page * (context / page_tokens));
  std::vector<std::byte*> pages;
  for (int i = 0; i < context / page_tokens; ++i) pages.push_back(cache.data() + i * page);
  KvPages kv{v.format, pages, page_tokens, n_kv_heads, head_dim};
  Bytes recent(kv_recent_bytes(*v.format, v.format->window, n_kv_heads, head_dim));
  kv.recent = recent.data();
  kv.recent_tokens = v.format->window;
  const auto values = random_floats(head_dim * 61);
  for (int t = 0; t < context; ++t) {
    for (int h = 0; h < n_kv_heads; ++h) {
      kv.store(t, h, std::span(values).subspan((t + h) % 61 * head_dim, head_dim),
               std::span(values).subspan((t * 7 + h) % 61 * head_dim, head_dim));
      const int group = t + 1 - kKvGroup;
      if (v.format->window && (t + 1) % kKvGroup == 0) kv.settle(group, h);
    }
  }
  const auto q = random_floats(tile * n_heads * head_dim);
  std::vector<float> scratch(v.scratch_floats(context, n_heads, n_kv_heads, head_dim));
  std::vector<float> out(q.size());
  const auto run = [&](int past, int tokens) {
    return time(v.name == "scalar" ? 1 : 9, [&] {
      for (int h = 0; h < n_kv_heads; ++h) {
        v.run(q.data(), n_heads, kv, past, h, 0, tokens, 0.088388f, scratch, out.data());
      }
    });
  };
  const Timing decode = run(context - 1, 1), prefill = run(prompt - tile, tile);
  const double gigabytes = double(page) * double(pages.size()) / 1e9;
  const double operations = 4.0 * tile * (prompt - (tile - 1) / 2.0) * n_heads * head_dim;
  std::printf("%-26s %7.2f (best %6.2f) %12.3f (best %.3f)\n", name.c_str(),
              gigabytes / decode.median_s, gigabytes / decode.best_s,
              operations / 1e12 / prefill.median_s, operations / 1e12 / prefill.best_s);
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  using namespace paretune;
  const std::string filter = argc > 1 ? argv[1] : "";
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("median (best) of rounds\n\n");
  const Ceilings ceilings = print_ceilings();
  std::printf(
      "\nn = k = 4096, weights cold        m=1, 1 thread   m=1, %d threads  m=8, 1 th.  m=512 "
      "TOP/s "
      "of one thread\n%-26s GB/s of packed weights, and of the measured read\n",
      ceilings.threads, "");
  for (const MatmulVariant& v : matmul_variants()) {
    if (name_of(v).find(filter) != std::string::npos) print_matmul(v, ceilings);
  }
  std::printf("\nattention, one thread       decode at 4096: GB/s   16 tokens at 512: TOP/s\n");
  for (const AttentionVariant& v : attention_variants()) {
    if (v.name.find(filter) != std::string::npos) print_attention(v);
  }
}
