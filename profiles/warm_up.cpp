#include "profiles/warm_up.h"

#include <algorithm>
#include <cmath>

namespace paretune {
namespace {

constexpr int kRequests = 2, kInputs = 24, kOutputs = 4;  // of a pass
constexpr int kMostPasses = 12;
constexpr double kMostSeconds = 2, kSame = 0.1;
constexpr std::uint64_t kFirstId = 1ull << 62;  // beyond the ids of a run's requests

// False: the engine takes no such request.
bool serve(Engine& engine, std::span<const std::int32_t> vocabulary, int pass) {
  for (int r = 0; r < kRequests; ++r) {
    Request request{.id = kFirstId + static_cast<std::uint64_t>(pass * kRequests + r)};
    // No prompt begins like another, so that none is found in the prefix cache.
    const auto first = static_cast<std::size_t>(pass * kRequests + r);
    for (std::size_t i = 0; i < kInputs; ++i)
      request.prompt.push_back(vocabulary[(first + i * (first + 1)) % vocabulary.size()]);
    request.sampling.max_tokens = kOutputs;
    request.sampling.ignore_eos = true;
    if (!engine.refuse_reason(request).empty()) return false;
    engine.submit(std::move(request));
  }
  while (!engine.idle()) engine.step();
  return true;
}

}  // namespace

WarmUp warm_up(Engine& engine, std::span<const std::int32_t> vocabulary, Clock& clock) {
  WarmUp result;
  const double begin = clock.now();
  double before = 0, last = begin;
  while (result.passes < kMostPasses && last - begin < kMostSeconds) {
    if (!serve(engine, vocabulary, result.passes)) break;
    const double now = clock.now(), seconds = now - last;
    last = now;
    result.stable =
        ++result.passes > 1 && std::abs(seconds - before) <= kSame * std::max(seconds, before);
    if (result.stable) break;
    before = seconds;
  }
  engine.clear_prefix_cache();
  return result;
}

}  // namespace paretune
