#include "profiles/profiler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "profiles/steady_clock.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr std::string_view kTiny = R"({
  "name": "tiny", "model": "workloads/demo/demo.gguf",
  "traffic": [{"name": "t", "share": 1, "input_seq_len": 12, "output_seq_len": 4}],
  "arrival": {"process": "closed_loop", "concurrency": 2},
  "slo": {"e2e_latency_ms": {"p50": 60000}},
  "objective": {"latency_metric": "e2e_latency_ms", "percentile": "p50"},
  "quality": {"text": ["workloads/demo/evals/story.jsonl"], "max_text_tokens": 100},
  "cost": {"usd_per_hour": 1, "price_source": "a test", "price_date": "2026-01-01"},
  "budget": {"minutes": 5, "trials": 2},
  "num_requests": 4, "warmup_requests": 1
})";

// Calibration and quantization need many times the memory of serving; both come before the trial,
// so the first trial of a policy measures what a later one does.
TEST(Profiler, PackingIsNoPartOfATrial) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("paretune-profiler-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  {
    const Workload workload = parse_workload(kTiny, std::filesystem::current_path() / "tiny.json");
    SteadyClock clock;
    Store store(folder / "a.sqlite");
    const std::atomic<bool> stop{false};
    Profiler profiler(workload, store, clock, "test build", stop);
    ASSERT_TRUE(profiler.prepare_reference());
    DeployConfig config = default_config(profiler.target());
    config.weights = parse_policy("linear=int4_g64:gptq,output=int8", "a test");
    const Measurement first = profiler.measure(config, workload, 1, 300).measurement;
    const Measurement second = profiler.measure(config, workload, 2, 300).measurement;
    ASSERT_EQ(first.outcome, Outcome::ok) << first.detail;
    ASSERT_EQ(second.outcome, Outcome::ok) << second.detail;
    // Other kernels round otherwise, and by next to nothing.
    EXPECT_GT(first.quality.kl_noise_floor, 0);
    EXPECT_LT(first.quality.kl_noise_floor, 1e-6);
    EXPECT_LT(static_cast<double>(first.speed.peak_memory_bytes),
              1.3 * static_cast<double>(second.speed.peak_memory_bytes));

    // What this process has freed is nothing that a trial may have without counting it.
    std::vector<std::unique_ptr<std::vector<char>>> blocks;
    for (int i = 0; i < 3000; ++i)
      blocks.push_back(std::make_unique<std::vector<char>>(std::size_t(1) << 16, 'x'));
    for (std::size_t i = 0; i + 1 < blocks.size(); ++i)
      blocks[i].reset();  // the last keeps the heap
    const Measurement third = profiler.measure(config, workload, 3, 300).measurement;
    EXPECT_GT(static_cast<double>(third.speed.peak_memory_bytes),
              0.7 * static_cast<double>(second.speed.peak_memory_bytes));
  }
  std::filesystem::remove_all(folder);
}

// What the store knows takes no time of the gate's, whoever else's answers they were.
TEST(Profiler, AGateWithoutTimeStillReadsWhatIsKnown) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("paretune-gate-" + std::to_string(getpid()));
  std::filesystem::remove_all(folder);
  {
    Workload workload = parse_workload(kTiny, std::filesystem::current_path() / "tiny.json");
    workload.quality.evals.push_back({.path = "probe:copy"});
    SteadyClock clock;
    Store store(folder / "a.sqlite");
    const std::atomic<bool> stop{false};
    Profiler profiler(workload, store, clock, "test build", stop);
    const GateMargins margins{.every = 0.05};
    constexpr double kKl = 1e-4;
    DeployConfig config = default_config(profiler.target());
    config.weights = parse_policy("all=int8", "a test");
    const std::optional<GateResult> none = profiler.gate(config, margins, kKl, 0);
    ASSERT_TRUE(none);
    EXPECT_EQ(none->verdict, GateVerdict::undecided) << none->reason;
    const std::optional<GateResult> asked = profiler.gate(config, margins, kKl, 60);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->verdict, GateVerdict::passed) << asked->reason;
    config.max_batch_size *= 2;  // answers are the same
    const std::optional<GateResult> again = profiler.gate(config, margins, kKl, 0);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->verdict, asked->verdict) << again->reason;
    EXPECT_EQ(again->reason, asked->reason);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace paretune
