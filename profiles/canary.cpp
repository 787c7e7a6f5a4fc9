#include "profiles/canary.h"

#include <array>
#include <atomic>
#include <cstddef>

namespace paretune {
namespace {

constexpr std::size_t kFloats = (4u << 20) / sizeof(float);
constexpr int kRounds = 8;
constexpr int kProducts = 250'000;  // of kLanes each, in a round
constexpr std::size_t kLanes = 32;

float read_all(const std::vector<float>& weights) {
  std::array<float, kLanes> sums{};
  for (std::size_t i = 0; i < weights.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += weights[i + lane];
  }
  float sum = 0;
  for (const float lane : sums) sum += lane;
  return sum;
}

float multiply(float seed) {
  std::array<float, kLanes> sums;
  for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] = seed + float(lane);
  for (int i = 0; i < kProducts; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] = sums[lane] * 0.999f + seed;
  }
  float sum = 0;
  for (const float lane : sums) sum += lane;
  return sum;
}

}  // namespace

Canary::Canary(int threads) : pool_(threads), weights_(static_cast<std::size_t>(pool_.size())) {
  pool_.run(pool_.size(), [&](Team& team) {
    weights_[static_cast<std::size_t>(team.rank())].assign(kFloats, 1.0f);
  });
}

double Canary::seconds(Clock& clock) {
  std::atomic<float> result = 0;  // read by nobody, so that the work is not optimized away
  const double begin = clock.now();
  pool_.run(pool_.size(), [&](Team& team) {
    float sum = 0;
    for (int round = 0; round < kRounds; ++round) {
      sum += read_all(weights_[static_cast<std::size_t>(team.rank())]);
      sum += multiply(1e-3f);
      team.barrier();
    }
    result.store(sum, std::memory_order_relaxed);
  });
  return clock.now() - begin;
}

}  // namespace paretune
