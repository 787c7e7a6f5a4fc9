// What the thread pool costs: a barrier, a region, and a neighbour who takes a core.
//
//   threads_bench
//
// The work between barriers is what a decode step of a small model has. A neighbour that spins on
// one CPU leaves (threads - 1/2) of the cores: shares fixed in advance wait for the slowest thread,
// claimed ones need not.
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/matmul_plan.h"
#include "runtime/target.h"

namespace paretune {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double percentile(std::vector<double> values, double p) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(p * static_cast<double>(values.size() - 1))];
}

void print_barrier(int threads) {
  ThreadPool pool(threads);
  constexpr int kBarriers = 100, kRounds = 2000;
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    double begin = 0, end = 0;
    pool.run(threads, [&](Team& team) {
      team.barrier();
      if (team.rank() == 0) begin = now();
      for (int i = 0; i < kBarriers; ++i) team.barrier();
      if (team.rank() == 0) end = now();
    });
    seconds.push_back((end - begin) / kBarriers);
  }
  std::printf("barrier, %d threads %22.3f us (p99 %.3f)\n", threads, 1e6 * percentile(seconds, 0.5),
              1e6 * percentile(seconds, 0.99));
}

// From run() to its return with nothing to do; idle_us: how long the pool had rested before.
void print_region(int threads, int idle_us) {
  ThreadPool pool(threads);
  std::vector<double> seconds;
  for (int round = 0; round < (idle_us > 0 ? 300 : 5000); ++round) {
    if (idle_us > 0) usleep(static_cast<useconds_t>(idle_us));
    const double begin = now();
    pool.run(threads, [](Team&) {});
    seconds.push_back(now() - begin);
  }
  std::printf("region, %d threads, %-12s %9.3f us (p99 %.3f)\n", threads,
              idle_us > 0 ? "after a rest" : "back to back", 1e6 * percentile(seconds, 0.5),
              1e6 * percentile(seconds, 0.99));
}

// Products per second of int8 (n, k) at m = 4, a barrier after each.
double products_per_s(ThreadPool& pool, bool claimed, double seconds) {
  constexpr int n = 2048, k = 2048, m = 4;
  static const AlignedBuffer weights = [] {
    AlignedBuffer bytes(kInt8.packed_bytes(n, k));
    std::mt19937_64 rng(1);
    std::vector<float> values(std::size_t(n) * k);
    for (float& v : values) v = static_cast<float>(double(rng() >> 11) * 0x1p-53 - 0.5);
    kInt8.pack(values, n, k, 0, n, bytes.bytes());
    return bytes;
  }();
  const PackedMatrix matrix{&kInt8, n, k, weights.bytes()};
  const MatmulPlan plan{.variant = &resolve_matmul("amx", kInt8, Activations::int8),
                        .panel_block = 8,
                        .claimed = claimed};
  AlignedBuffer prepared(plan.variant->prepared_bytes(m, k));
  const std::vector<float> x(std::size_t(m) * k, 0.5f);
  plan.variant->prepare(x.data(), m, k, 0, m, prepared.data());
  std::vector<std::vector<float>> scratch(static_cast<std::size_t>(pool.size()),
                                          std::vector<float>(block_floats(plan, m, 1)));
  int products = 0;
  const double begin = now();
  while (now() - begin < seconds) {
    pool.run(pool.size(), [&](Team& team) {
      for (int i = 0; i < 50; ++i) {
        multiply_blocks(plan, prepared.data(), m, matrix, 1, team,
                        scratch[static_cast<std::size_t>(team.rank())].data(),
                        [](const MatmulBlock&) {});
        team.barrier();
      }
    });
    products += 50;
  }
  return products / (now() - begin);
}

// A process that spins on the last usable CPU until it is killed.
pid_t start_neighbour() {
  const pid_t child = fork();
  if (child != 0) return child;
  cpu_set_t mask, last;
  sched_getaffinity(0, sizeof mask, &mask);
  CPU_ZERO(&last);
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    CPU_SET(cpu, &last);
    break;
  }
  sched_setaffinity(0, sizeof last, &last);
  for (;;) {
    asm volatile("");
  }
}

void print_neighbour(int threads) {
  const pid_t neighbour = start_neighbour();
  for (const bool claimed : {false, true}) {
    // In turns: the machine may have other neighbours, who come and go.
    std::vector<double> alone, beside;
    for (int round = 0; round < 5; ++round) {
      ThreadPool pool(threads);
      kill(neighbour, SIGSTOP);
      alone.push_back(products_per_s(pool, claimed, 0.3));
      kill(neighbour, SIGCONT);
      beside.push_back(products_per_s(pool, claimed, 0.6));
    }
    const double ratio = percentile(beside, 0.5) / percentile(alone, 0.5);
    std::printf(
        "%s shares, %d threads: %8.0f products/s alone, %8.0f beside a spinning neighbour: "
        "%.2f (fair share %.2f)\n",
        claimed ? "claimed" : "fixed  ", threads, percentile(alone, 0.5), percentile(beside, 0.5),
        ratio, (threads - 0.5) / threads);
  }
  kill(neighbour, SIGKILL);
  waitpid(neighbour, nullptr, 0);
}

}  // namespace
}  // namespace paretune

int main() {
  using namespace paretune;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int cores = this_machine().cores;
  for (int threads = 2; threads <= cores; threads *= 2) print_barrier(threads);
  print_region(cores, 0);
  print_region(cores, 2000);
  if (cores > 1) print_neighbour(cores);
}
