#include "profiles/load_run.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "profiles/statistics.h"

namespace paretune {
namespace {

// Clock ticks of all CPUs: stolen by the hypervisor, of this process, of all processes, all.
struct CpuTicks {
  double steal = 0, own = 0, busy = 0, all = 0;
};
CpuTicks cpu_ticks() {
  std::ifstream file("/proc/stat");
  std::string label;
  CpuTicks ticks;
  double value = 0;
  file >> label;
  for (int i = 0; i < 8 && file >> value; ++i) {  // user nice system idle iowait irq softirq steal
    ticks.all += value;
    if (i == 7) ticks.steal = value;
    if (i != 3 && i != 4 && i != 7) ticks.busy += value;
  }
  rusage own{};
  getrusage(RUSAGE_SELF, &own);
  const auto seconds = [](const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); };
  ticks.own = (seconds(own.ru_utime) + seconds(own.ru_stime)) * double(sysconf(_SC_CLK_TCK));
  return ticks;
}

// Of the rate of events in [begin, end), by batch means: neighbouring tokens depend on each other,
// eighths of a run hardly.
double rate_standard_error(std::span<const double> times, double begin, double end) {
  constexpr int kParts = 8;
  std::vector<double> rates(kParts, 0.0);
  const double part = (end - begin) / kParts;
  if (part <= 0) return 0;
  for (const double t : times) {
    if (t >= begin && t < end)
      rates[std::min<std::size_t>(kParts - 1, static_cast<std::size_t>((t - begin) / part))] +=
          1 / part;
  }
  return mean(rates).standard_error;
}

// Requests that may wait at the end of a run without its load being called too high.
constexpr double kQueueSlack = 8;

// Requests that follow the counted ones, so that the load holds while those finish.
int tail_requests(const Workload& workload, const LoadLevel& level) {
  return level.rate ? workload.num_requests
                    : std::max(level.concurrency, workload.num_requests / 4);
}

// The counted requests arrive at exactly the level's rate: gaps are drawn, then stretched together,
// so that the luck of a seed is not taken for a faster or slower machine. (A Poisson process with
// its count given is still one.)
std::vector<RequestSpec> stream(const Workload& workload, const LoadLevel& level,
                                std::uint64_t seed) {
  const int n = workload.warmup_requests + workload.num_requests + tail_requests(workload, level);
  if (!level.rate) return make_requests(workload, seed, n);
  std::vector<RequestSpec> requests = make_requests(workload, seed, n, 1.0);
  const auto first = static_cast<std::size_t>(workload.warmup_requests);
  const std::size_t end = first + static_cast<std::size_t>(workload.num_requests);
  const double span = requests[end].arrival_s - requests[first].arrival_s;
  const double stretch = span > 0 ? workload.num_requests / *level.rate / span : 1 / *level.rate;
  for (RequestSpec& request : requests) request.arrival_s *= stretch;
  return requests;
}

}  // namespace

std::optional<LoadLevel> workload_level(const Workload& workload) {
  const ArrivalSpec& arrival = workload.arrival;
  if (arrival.is_closed()) return LoadLevel{.concurrency = arrival.concurrency};
  if (arrival.process == &kTrace) {
    // As published, so that a stream of this rate is stretched by nothing.
    const auto first = static_cast<std::size_t>(workload.warmup_requests);
    const std::vector<RequestSpec> requests = make_requests(
        workload, workload.seed, workload.warmup_requests + workload.num_requests + 1);
    const double span = requests.back().arrival_s - requests[first].arrival_s;
    if (span <= 0) return std::nullopt;
    return LoadLevel{.rate = workload.num_requests / span};
  }
  if (!arrival.rate_qps) return std::nullopt;
  return LoadLevel{.rate = *arrival.rate_qps};
}

bool queue_grows(std::span<const double> waiting, double slack) {
  constexpr int kSkipped = 2, kParts = 6;  // eighths: while the first two pass, the queue fills up
  constexpr double kT = 2.132;             // Student's of 4 degrees of freedom: one-sided 95 %
  const std::size_t part = waiting.size() / (kSkipped + kParts);
  if (part == 0) return false;
  waiting = waiting.last(kParts * part);
  std::array<double, kParts> means{};
  for (std::size_t i = 0; i < waiting.size(); ++i)
    means[i / part] += waiting[i] / static_cast<double>(part);
  double mean = 0, along = 0, squares = 0;
  for (const double m : means) mean += m / kParts;
  const auto x = [](std::size_t i) { return static_cast<double>(i) - (kParts - 1) / 2.0; };
  for (std::size_t i = 0; i < means.size(); ++i) {
    along += x(i) * (means[i] - mean);
    squares += x(i) * x(i);
  }
  const double slope = along / squares;
  double left_over = 0;
  for (std::size_t i = 0; i < means.size(); ++i)
    left_over += std::pow(means[i] - mean - slope * x(i), 2);
  const double standard_error = std::sqrt(left_over / (kParts - 2) / squares);
  return slope > kT * standard_error && slope * kParts > slack;
}

bool backlog_remains(double arrivals_s, double drain_s, double e2e_s) {
  return drain_s > e2e_s + 0.25 * arrivals_s;
}

void judge(LoadRun& run, const Slo& slo, std::span<const RequestTimes> requests) {
  int good = 0;
  for (const RequestTimes& request : requests) {
    const double e2e = 1e3 * (request.last - request.arrival),
                 ttft = 1e3 * (request.first - request.arrival);
    const double tpot = request.output_tokens > 1 ? (e2e - ttft) / (request.output_tokens - 1) : 0;
    const auto keeps = [&](const LatencyMetric& metric, double value) {
      const std::optional<double> limit = request_limit_ms(slo, metric);
      return !limit || value <= *limit;
    };
    // A request keeps an ITL limit if its mean gap, which is its TPOT, does.
    good += keeps(kTtft, ttft) && keeps(kItl, tpot) && keeps(kTpot, tpot) && keeps(kE2e, e2e);
  }
  const int offered = static_cast<int>(requests.size()) + run.failed;
  run.slo_attainment = offered > 0 ? static_cast<double>(good) / offered : 0;
  run.goodput = run.seconds > 0 ? good / run.seconds : 0;

  run.meets_slo = true;
  run.missed.clear();
  double worst = 1;  // the largest excess over its limit
  const auto miss = [&](double excess, const std::string& text) {
    run.meets_slo = false;
    if (excess > worst) {
      worst = excess;
      run.missed = text;
    }
  };
  char text[160];
  for (const SloBound& bound : slo.bounds) {
    const Distribution& distribution = run.latency.of(*bound.metric);
    const double value = distribution.percentiles[index_of(bound.percentile)].value;
    if (value <= bound.max_ms) continue;
    std::snprintf(text, sizeof text, "%s %s: %.4g > %.4g", std::string(bound.metric->name).c_str(),
                  std::string(bound.percentile.name).c_str(), value, bound.max_ms);
    miss(value / bound.max_ms, text);
  }
  if (slo.attainment_fraction && run.slo_attainment < *slo.attainment_fraction) {
    std::snprintf(text, sizeof text, "SLO attainment: %.4g < %.4g", run.slo_attainment,
                  *slo.attainment_fraction);
    miss(1 + *slo.attainment_fraction - run.slo_attainment, text);
  }
  if (run.failed > 0)
    miss(1e6,
         std::to_string(run.failed) + " requests refused: longer than the context or the cache");
  if (run.saturated && !slo.bounds.empty())
    miss(1.0001, "saturated: the queue grew to the end of the run");
}

namespace {

// The requests of one run on their way through the engine.
class Traffic {
 public:
  Traffic(Engine& engine, const Workload& workload, const LoadLevel& level, std::uint64_t seed,
          std::span<const std::int32_t> vocabulary)
      : engine_(engine),
        workload_(workload),
        level_(level),
        specs_(stream(workload, level, seed)),
        times_(specs_.size()),
        last_token_(specs_.size()),
        refused_(specs_.size()) {
    for (const RequestSpec& spec : specs_) {
      Request request{.id = static_cast<std::uint64_t>(spec.id),
                      .prompt = prompt_tokens(spec, vocabulary)};
      request.sampling.max_tokens = spec.output_tokens;
      request.sampling.ignore_eos = true;
      requests_.push_back(std::move(request));
    }
  }

  bool done() const { return counted_done_ == workload_.num_requests; }
  bool exhausted() const { return next_ == specs_.size(); }
  double next_arrival() const { return specs_[next_].arrival_s; }

  // Submits what has arrived by now (open loop) or what keeps the concurrency (closed loop).
  void arrive(double now) {
    if (level_.rate) {
      while (!exhausted() && next_arrival() <= now) submit(next_arrival());
    } else {
      while (!exhausted() && in_flight_ < level_.concurrency) submit(now);
    }
  }

  void take(const TokenEvent& event, double now) {
    const auto i = static_cast<std::size_t>(event.request_id);
    RequestTimes& request = times_[i];
    if (request.output_tokens++ == 0) {
      request.first = now;
      if (counted(i)) check(kTtft, 1e3 * (now - request.arrival));
    } else {
      request.gaps_ms.push_back(1e3 * (now - last_token_[i]));
    }
    last_token_[i] = now;
    if (window_begin_ >= 0) token_times_.push_back(now);
    if (event.finish == FinishReason::none) return;
    request.last = now;
    --in_flight_;
    if (!counted(i)) return;
    ++counted_done_;
    window_inputs_ += specs_[i].input_tokens;
    window_end_ = now;
    check(kE2e, 1e3 * (now - request.arrival));
    if (request.output_tokens > 1) {
      check(kTpot, 1e3 * (now - request.first) / (request.output_tokens - 1));
    }
  }

  // Some bound of a per-request metric is missed whatever the other requests do.
  bool hopeless() const { return hopeless_; }

  LoadRun result(std::vector<RequestTimes>* finished_requests) {
    for (const Request& request : requests_) engine_.cancel(request.id);  // the tail
    LoadRun run{.offered_rate = level_.rate.value_or(0),
                .concurrency = level_.rate ? 0 : level_.concurrency,
                .failed = failed_};
    std::vector<RequestTimes> finished;
    std::vector<double> ttft, itl, tpot, e2e;
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      const RequestTimes& t = times_[i];
      if (!counted(i) || refused_[i] || t.last == 0) continue;
      finished.push_back(t);
      ttft.push_back(1e3 * (t.first - t.arrival));
      e2e.push_back(1e3 * (t.last - t.arrival));
      if (t.output_tokens > 1) tpot.push_back((e2e.back() - ttft.back()) / (t.output_tokens - 1));
      itl.insert(itl.end(), t.gaps_ms.begin(), t.gaps_ms.end());
    }
    run.latency.ttft_ms = summarize(std::move(ttft));
    run.latency.itl_ms = summarize(std::move(itl));
    run.latency.tpot_ms = summarize(std::move(tpot));
    run.latency.e2e_latency_ms = summarize(std::move(e2e));
    run.requests = static_cast<int>(finished.size());
    run.seconds = std::max(window_end_ - window_begin_, 1e-9);
    run.request_rate = run.requests / run.seconds;
    const auto tokens = std::ranges::upper_bound(token_times_, window_end_) - token_times_.begin();
    run.output_tokens_per_s = static_cast<double>(tokens) / run.seconds;
    run.output_tokens_standard_error =
        rate_standard_error(token_times_, window_begin_, window_end_);
    run.input_tokens_per_s = window_inputs_ / run.seconds;
    run.saturated = level_.rate && queue_grows(waiting_, kQueueSlack);
    if (workload_.arrival.process == &kTrace && run.saturated && done()) {
      double least_s = run.seconds;  // an E2E without waiting
      for (const RequestTimes& t : finished) least_s = std::min(least_s, t.last - t.arrival);
      run.saturated =
          backlog_remains(last_arrival_ - window_begin_, window_end_ - last_arrival_, least_s);
    }
    judge(run, workload_.slo, finished);
    if (hopeless_ && run.meets_slo) {
      run.meets_slo = false;
      run.missed = missed_;
    }
    if (finished_requests) *finished_requests = std::move(finished);
    return run;
  }

 private:
  bool counted(std::size_t i) const {
    const auto first = static_cast<std::size_t>(workload_.warmup_requests);
    return i >= first && i < first + static_cast<std::size_t>(workload_.num_requests);
  }

  void submit(double arrival) {
    const std::size_t i = next_++;
    times_[i].arrival = arrival;
    if (counted(i)) {
      if (window_begin_ < 0) window_begin_ = arrival;
      last_arrival_ = arrival;
      waiting_.push_back(engine_.stats().waiting);
    }
    if (!engine_.refuse_reason(requests_[i]).empty()) {
      refused_[i] = true;
      if (counted(i)) {
        ++failed_;
        ++counted_done_;
      }
      return;
    }
    engine_.submit(requests_[i]);
    ++in_flight_;
  }

  void check(const LatencyMetric& metric, double value) {
    const auto& bounds = workload_.slo.bounds;
    misses_.resize(bounds.size());
    for (std::size_t b = 0; b < bounds.size(); ++b) {
      if (bounds[b].metric != &metric || value <= bounds[b].max_ms) continue;
      const double allowed = (1 - bounds[b].percentile.percent / 100) * workload_.num_requests;
      if (++misses_[b] <= allowed || hopeless_) continue;
      hopeless_ = true;
      char text[160];
      std::snprintf(text, sizeof text, "%s %s: %.4g > %.4g", std::string(metric.name).c_str(),
                    std::string(bounds[b].percentile.name).c_str(), value, bounds[b].max_ms);
      missed_ = text;
    }
  }

  Engine& engine_;
  const Workload& workload_;
  LoadLevel level_;
  std::vector<RequestSpec> specs_;
  std::vector<Request> requests_;
  std::vector<RequestTimes> times_;
  std::vector<double> last_token_;
  std::vector<bool> refused_;
  std::vector<double>
      waiting_;  // requests without a place in the batch, seen by each counted arrival
  std::vector<double> token_times_;  // of all requests, from the first counted arrival on
  std::vector<int> misses_;          // per bound of the SLO
  std::string missed_;
  std::size_t next_ = 0;
  int counted_done_ = 0, in_flight_ = 0, failed_ = 0;
  double window_begin_ = -1, last_arrival_ = 0, window_end_ = 0, window_inputs_ = 0;
  bool hopeless_ = false;
};

}  // namespace

LoadRun run_load(Engine& engine, const Workload& workload, const LoadLevel& level,
                 std::uint64_t seed, std::span<const std::int32_t> vocabulary, Clock& clock,
                 bool stop_when_missed, std::vector<RequestTimes>* finished) {
  Traffic traffic(engine, workload, level, seed, vocabulary);  // prompts are made before time runs
  engine.clear_prefix_cache();
  const EngineStats before = engine.stats();
  const CpuTicks ticks_before = cpu_ticks();

  const double start = clock.now();
  while (!traffic.done() && !(stop_when_missed && traffic.hopeless())) {
    traffic.arrive(clock.now() - start);
    if (engine.idle()) {
      if (traffic.done() || traffic.exhausted()) break;
      clock.wait_until(start + traffic.next_arrival());
      continue;
    }
    const std::span<const TokenEvent> events = engine.step();
    const double now = clock.now() - start;
    for (const TokenEvent& event : events) traffic.take(event, now);
  }

  LoadRun run = traffic.result(finished);
  const EngineStats after = engine.stats();
  run.prefix_cache_queries = after.prefix_cache_queries - before.prefix_cache_queries;
  run.prefix_cache_hits = after.prefix_cache_hits - before.prefix_cache_hits;
  const CpuTicks ticks_after = cpu_ticks();
  if (const double all = ticks_after.all - ticks_before.all; all > 0) {
    run.steal_fraction = (ticks_after.steal - ticks_before.steal) / all;
    const double busy = ticks_after.busy - ticks_before.busy,
                 own = ticks_after.own - ticks_before.own;
    run.others_fraction = std::clamp((busy - own) / all, 0.0, 1.0);
  }
  return run;
}

}  // namespace paretune
