#include "profiles/canary.h"

#include <array>
#include <cstddef>
#include <span>

namespace paretune {
namespace {

// A round is about as long as the steps of a small model between two barriers: a neighbour on one
// core keeps all threads waiting, there as here.
constexpr int kRounds = 3000, kWarmUpRounds = 64;
constexpr std::size_t kRoundFloats = 16 * 1024, kSlices = 64;  // 64 KiB of 4 MiB
constexpr int kMultiplyAdds = 4'000;                           // of kLanes each
constexpr std::size_t kLanes = 32;
constexpr std::size_t kHandedLines = 320, kLineFloats = 16;  // per round

float read_all(std::span<const float> weights) {
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
  for (int i = 0; i < kMultiplyAdds; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] = sums[lane] * 0.999f + seed;
  }
  float sum = 0;
  for (const float lane : sums) sum += lane;
  return sum;
}

}  // namespace

Canary::Canary(int threads)
    : pool_(threads),
      weights_(static_cast<std::size_t>(pool_.size())),
      handed_(static_cast<std::size_t>(pool_.size())) {
  pool_.run(pool_.size(), [&](Team& team) {
    weights_[static_cast<std::size_t>(team.rank())].assign(kRoundFloats * kSlices, 1.0f);
    handed_[static_cast<std::size_t>(team.rank())].assign(2 * kHandedLines * kLineFloats, 1.0f);
  });
}

void Canary::work(int rounds) {
  pool_.run(pool_.size(), [&](Team& team) {
    const std::span<const float> all = weights_[static_cast<std::size_t>(team.rank())];
    std::vector<float>& mine = handed_[static_cast<std::size_t>(team.rank())];
    const std::vector<float>& neighbours =
        handed_[static_cast<std::size_t>((team.rank() + 1) % team.size())];
    float sum = 0;
    for (int round = 0; round < rounds; ++round) {
      const std::size_t slice = static_cast<std::size_t>(round) % kSlices;
      sum += read_all(all.subspan(slice * kRoundFloats, kRoundFloats)) + multiply(1e-3f);
      const std::size_t turn = static_cast<std::size_t>(round % 2) * kHandedLines * kLineFloats;
      for (std::size_t i = 0; i < kHandedLines; ++i) mine[turn + i * kLineFloats] = sum;
      team.barrier();
      for (std::size_t i = 0; i < kHandedLines; ++i) sum += neighbours[turn + i * kLineFloats];
    }
    result_.store(sum, std::memory_order_relaxed);
  });
}

double Canary::seconds(Clock& clock) {
  work(kWarmUpRounds);
  const double begin = clock.now();
  work(kRounds);
  return clock.now() - begin;
}

}  // namespace paretune
