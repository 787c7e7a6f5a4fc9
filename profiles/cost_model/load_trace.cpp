#include "profiles/cost_model/load_trace.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "profiles/cost_model/simulation.h"

namespace paretune {
namespace {

constexpr std::size_t kFeatures = 2 * kPhaseFeatures;
using Features = std::array<double, kFeatures>;

struct Step {
  StepShape shape;
  double begin, end;
};

void add_step(Features& sum, const StepShape& shape, double times) {
  const std::size_t at = static_cast<std::size_t>(shape.phase) * kPhaseFeatures;
  for_each_feature(shape, [&](std::size_t f, double amount) { sum[at + f] += times * amount; });
}

}  // namespace

double quantile(std::vector<float>& values, double q) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(q * double(values.size()))) - 1;
  const auto at = values.begin() + std::clamp<std::ptrdiff_t>(rank, 0, std::ssize(values) - 1);
  std::ranges::nth_element(values, at);
  return *at;
}

LoadTrace::LoadTrace(const ModelShape& shape, const DeployConfig& config, const StepCost& cost,
                     const Workload& workload, const LoadLevel& level, std::uint64_t seed,
                     std::span<const std::int32_t> vocabulary) {
  std::vector<Step> steps;
  SimulatedClock clock;
  const auto engine = simulated_engine(shape, config, [&](const StepShape& step) {
    const double begin = clock.now();
    clock.advance(cost.seconds(step));
    steps.push_back({step, begin, clock.now()});
  });
  std::vector<RequestTimes> requests;
  run_ = run_load(*engine, workload, level, seed, vocabulary, clock, false, &requests);

  // The part of [from, to) that lies within steps, as features.
  const auto lived = [&](double from, double to) {
    Features sum{};
    auto step = std::ranges::upper_bound(steps, from, {}, &Step::end);
    for (; step != steps.end() && step->begin < to; ++step) {
      const double begin = std::max(step->begin, from), end = std::min(step->end, to);
      if (end > begin && step->end > step->begin)
        add_step(sum, step->shape, (end - begin) / (step->end - step->begin));
    }
    return sum;
  };
  double begin = 1e300, end = 0;
  std::vector<Features> to_first, after_first;
  for (const RequestTimes& request : requests) {
    begin = std::min(begin, request.arrival);
    end = std::max(end, request.last);
    to_first.push_back(lived(request.arrival, request.first));
    after_first.push_back(lived(request.first, request.last));
    gaps_.push_back(request.output_tokens - 1);
  }
  const Features window = requests.empty() ? Features{} : lived(begin, end);
  idle_s_ = std::max(0.0, end - begin);
  for (const Step& step : steps)
    idle_s_ -= std::max(0.0, std::min(step.end, end) - std::max(step.begin, begin));
  idle_s_ = std::max(idle_s_, 0.0);
  window_tokens_ = run_.output_tokens_per_s * run_.seconds;
  requests_ = requests.size();
  for (std::size_t f = 0; f < kFeatures; ++f) {
    if (window[f] != 0) used_.push_back(f);
  }
  for (const std::size_t f : used_) window_.push_back(window[f]);
  for (std::size_t i = 0; i < requests_; ++i) {
    for (const std::size_t f : used_) {
      to_first_.push_back(static_cast<float>(to_first[i][f]));
      after_first_.push_back(static_cast<float>(after_first[i][f]));
    }
  }
}

void LoadTrace::recost(const StepCost& cost, double stretch, TracedRun& result) const {
  const std::size_t n = used_.size();
  std::array<float, kFeatures> weights;
  double window = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const std::size_t f = used_[j];
    const double seconds = cost.phases[f / kPhaseFeatures][f % kPhaseFeatures];
    weights[j] = static_cast<float>(1e3 * seconds);
    window += window_[j] * seconds;
  }
  window += idle_s_ * stretch;
  result.request_rate = double(requests_) / std::max(window, 1e-12);
  result.output_tokens_per_s = window_tokens_ / std::max(window, 1e-12);
  result.ttft_ms.clear();
  result.tpot_ms.clear();
  result.e2e_ms.clear();
  for (std::size_t i = 0; i < requests_; ++i) {
    const float *first = &to_first_[i * n], *after = &after_first_[i * n];
    float ttft = 0, rest = 0;
    for (std::size_t j = 0; j < n; ++j) {
      ttft += first[j] * weights[j];
      rest += after[j] * weights[j];
    }
    result.ttft_ms.push_back(ttft);
    result.e2e_ms.push_back(ttft + rest);
    if (gaps_[i] > 0) result.tpot_ms.push_back(rest / static_cast<float>(gaps_[i]));
  }
}

}  // namespace paretune
