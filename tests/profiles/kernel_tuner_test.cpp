#include "profiles/kernel_tuner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "profiles/sentinel.h"
#include "profiles/steady_clock.h"

namespace paretune {
namespace {

void no_wrong(const KernelChoice& choice) {
  ADD_FAILURE() << choice.plan.variant->family << " " << choice.key.weights->name
                << " m=" << choice.key.m << " disagrees with the scalar reference";
}

KernelTask task(const WeightFormat& weights, Activations activations, std::vector<int> rows) {
  return {.weights = &weights,
          .activations = activations,
          .n = 100,
          .k = 300,
          .rows = std::move(rows),
          .threads = 2,
          .model_bytes = 1 << 20};
}

TEST(KernelCandidates, TheDefaultComesFirstAndNothingTwice) {
  for (const WeightFormat* format : kWeightFormats) {
    const Activations activations = format->integer ? Activations::int8 : Activations::f32;
    for (const int m : {1, 16, 17, 512}) {
      const KernelKey key{format, activations, 4096, 4096, m, 2};
      const auto plans = candidate_plans(key, {});
      EXPECT_EQ(plans[0], default_plan("amx", *format, activations));
      EXPECT_GE(plans.size(), 2u);
      for (std::size_t i = 0; i < plans.size(); ++i) {
        EXPECT_TRUE(cpu_has(plans[i].variant->needs));
        EXPECT_EQ(plans[i].row_block % 16, 0);
        EXPECT_EQ(std::count(plans.begin(), plans.end(), plans[i]), 1);
        // Blocks of rows leave room in L2.
        EXPECT_LE(std::size_t(plans[i].row_block) * plans[i].variant->row_bytes(4096), Caches{}.l2);
      }
    }
  }
}

// Whatever wins, every candidate of every format gives the reference's answer, or `wrong` is told.
TEST(KernelTuner, EveryCandidateIsRight) {
  SteadyClock clock;
  ThreadPool pool(2);
  for (const WeightFormat* format : kWeightFormats) {
    const Activations activations = format->integer    ? Activations::int8
                                    : format == &kBf16 ? Activations::bf16
                                                       : Activations::f32;
    const KernelTask one = task(*format, activations, {1, 5, 40});
    const KernelWeights weights(one, {});
    for (const int m : one.rows) {
      KernelRunner runner(one, m, weights, pool, clock);
      for (const MatmulPlan& plan :
           candidate_plans({format, activations, one.n, one.k, m, 2}, {})) {
        EXPECT_TRUE(runner.right(plan)) << format->name << " " << plan.variant->family << " " << m;
      }
    }
  }
}

TEST(KernelTuner, AWrongKernelIsFound) {
  SteadyClock clock;
  ThreadPool pool(1);
  const MatmulVariant& honest = resolve_matmul("scalar", kInt8, Activations::int8);
  MatmulVariant liar = honest;
  liar.run = [](const std::byte* x, int m, const PackedMatrix& w, const Walk& walk, float* y,
                std::size_t ldy) {
    resolve_matmul("scalar", kInt8, Activations::int8).run(x, m, w, walk, y, ldy);
    y[std::size_t(m - 1) * ldy + 3] *= 1.01f;
  };
  const KernelTask one = task(kInt8, Activations::int8, {4});
  const KernelWeights weights(one, {});
  KernelRunner runner(one, 4, weights, pool, clock);
  EXPECT_TRUE(runner.right({.variant = &honest}));
  EXPECT_FALSE(runner.right({.variant = &liar}));
}

TEST(KernelTuner, GivesOneChoicePerNumberOfRows) {
  SteadyClock clock;
  ThreadPool pool(2);
  const KernelTask one = task(kInt8, Activations::int8, {1, 8, 64});
  const auto choices = tune_kernels(one, {}, pool, clock, 0.2, no_wrong);
  ASSERT_EQ(choices.size(), 3u);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    EXPECT_EQ(choices[i].key, (KernelKey{&kInt8, Activations::int8, 100, 300, one.rows[i], 2}));
    EXPECT_GT(choices[i].default_s, 0);
    EXPECT_LE(choices[i].tuned_s, choices[i].default_s);
    EXPECT_NE(choices[i].plan.variant, nullptr);
  }
}

TEST(KernelTuner, TasksCoverEveryProductOnce) {
  const Target target{this_machine(), open_model("workloads/demo/demo.gguf")->shape()};
  const std::array<const WeightFormat*, 2> formats{&kBf16, &kInt8};
  const auto tasks = kernel_tasks(target, formats);
  for (const KernelTask& one : tasks) {
    EXPECT_EQ(std::count(tasks.begin(), tasks.end(), one), 1);
    EXPECT_GT(one.model_bytes, one.weights->packed_bytes(one.n, one.k));
    EXPECT_EQ(one.activations, one.weights == &kInt8 ? Activations::int8 : Activations::bf16);
  }
  EXPECT_GE(tasks.size(), 8u);
}

TEST(KernelGainsTest, MedianAndBest) {
  KernelChoice fast{.default_s = 3, .tuned_s = 1}, same{.default_s = 2, .tuned_s = 2},
      better{.default_s = 3, .tuned_s = 2};
  const KernelGains gains = kernel_gains(KernelTable({fast, same, better}));
  EXPECT_EQ(gains.plans, 3);
  EXPECT_EQ(gains.changed, 2);
  EXPECT_DOUBLE_EQ(gains.median, 1.5);
  EXPECT_DOUBLE_EQ(gains.best, 3);
}

TEST(SentinelTest, TellsWhatChanged) {
  const Sentinel then{24, 0.8, 0.2};
  EXPECT_EQ(changes(then, then), "");
  EXPECT_EQ(changes(then, {20, 0.9, 0.25}), "");  // noise
  EXPECT_EQ(changes(then, {12, 0.8, 0.2}), "read 24 -> 12 GB/s");
  EXPECT_EQ(changes(then, {24, 1.6, 0.1}), "int8 0.8 -> 1.6 TOP/s, f32 0.2 -> 0.1 TFLOP/s");
  const auto back = parse_sentinel(to_json(then));
  ASSERT_TRUE(back);
  EXPECT_EQ(changes(then, *back), "");
  for (const char* bad : {"", "{}", "[1]", "{\"read\": \"x\"}"}) EXPECT_FALSE(parse_sentinel(bad));
}

TEST(SentinelTest, MeasuresPlausibleRates) {
  SteadyClock clock;
  ThreadPool pool(1);
  const Sentinel now = measure_sentinel({.l3 = 1 << 20}, pool, clock);
  EXPECT_GT(now.read_gb_per_s, 0.01);
  EXPECT_GT(now.int8_tera_ops, 1e-5);
  EXPECT_GT(now.f32_tera_ops, 1e-5);
}

}  // namespace
}  // namespace paretune
