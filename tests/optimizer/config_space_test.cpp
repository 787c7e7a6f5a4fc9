#include "optimizer/config_space.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "optimizer/starting_points.h"
#include "runtime/deployment.h"
#include "tests/profiles/large_target.h"

namespace paretune {
namespace {

Target target() {
  Target t;
  t.machine = this_machine();
  t.machine.cores = 2;
  t.model = {.architecture = "llama",
             .n_layers = 8,
             .d_model = 256,
             .n_heads = 4,
             .n_kv_heads = 2,
             .head_dim = 64,
             .d_ff = 768,
             .vocab_size = 1536,
             .max_seq_len = 512};
  return t;
}

Point random_point(const Space& space, std::mt19937_64& rng) {
  Point point;
  for (const int n : space.n_choices)
    point.push_back(static_cast<int>(rng() % static_cast<std::uint64_t>(n)));
  return point;
}

TEST(ConfigSpaceTest, HoldsMoreThanAHundredThousandConfigs) {
  for (const Target& each : {target(), large_target()}) {
    const ConfigSpace space(each, {}, "w.json");
    const auto sizes = space.sizes();
    EXPECT_GT(sizes.back().configs, 100'000);
    for (std::size_t i = 1; i < sizes.size(); ++i)
      EXPECT_LE(sizes[i].configs, sizes[i - 1].configs) << sizes[i].after;
  }
}

// Where statistics take too long, what wants them is searched only if it is asked for.
TEST(ConfigSpaceTest, WhatCannotBeCalibratedIsNotSearched) {
  Target slow = target();
  slow.calibrates = false;
  const auto has = [](const ConfigSpace& space, const std::string& knob,
                      const std::string& choice) {
    const auto domain = std::ranges::find(space.knobs(), knob, &KnobDomain::name);
    return std::ranges::find(domain->choices, choice) != domain->choices.end();
  };
  const ConfigSpace space(slow, {}, "w.json");
  EXPECT_FALSE(has(space, "smoothing", "smoothquant"));
  EXPECT_FALSE(has(space, "smoothing", "awq"));
  EXPECT_FALSE(has(space, "activations", "int8_static"));
  EXPECT_TRUE(has(space, "smoothing", "hadamard"));
  EXPECT_TRUE(has(space, "activations", "int8"));
  EXPECT_TRUE(
      has(ConfigSpace(slow, {{"smoothing", {"none", "awq"}}}, "w.json"), "smoothing", "awq"));
  EXPECT_TRUE(has(ConfigSpace(target(), {}, "w.json"), "smoothing", "smoothquant"));
}

TEST(ConfigSpaceTest, CanonicalIsIdempotentAndMeansTheSame) {
  const ConfigSpace configs(target(), {}, "w.json");
  const Space space = configs.space();
  std::mt19937_64 rng(3);
  for (int i = 0; i < 2000; ++i) {
    const Point point = random_point(space, rng);
    const auto once = configs.canonical(point);
    ASSERT_TRUE(once);
    EXPECT_EQ(configs.canonical(*once), once);
    const DeployConfig before = configs.config(point), after = configs.config(*once);
    // The same kernels for every weight format: that is what "means the same" promises.
    if (before.prefill_kernel.name == "tuned") {
      EXPECT_EQ(after.prefill_kernel.name, "tuned");
      EXPECT_EQ(configs.point(after), once);
      continue;
    }
    for (const WeightFormat* format : before.weights.formats()) {
      EXPECT_EQ(&resolve_matmul(before.prefill_kernel.name, *format,
                                effective_activations(before, *format)),
                &resolve_matmul(after.prefill_kernel.name, *format,
                                effective_activations(after, *format)));
    }
    EXPECT_EQ(configs.point(after), once);
  }
}

// Outliers and compensations are bf16 beside integers, and a cast acts on their inputs.
TEST(ConfigSpaceTest, SideColumnsAreAFormatOfTheirOwn) {
  const ConfigSpace configs(
      target(), {{"weights", {"all=int8", "all=int8:outliers8"}}, {"activations", {"f32", "bf16"}}},
      "w.json");
  DeployConfig config = configs.config(Point(configs.knobs().size(), 0));
  config.activations.name = "bf16";
  EXPECT_EQ(canonical(config, target()).activations.name, "f32");
  config.weights = parse_policy("all=int8:outliers8", "test");
  EXPECT_EQ(canonical(config, target()).activations.name, "bf16");
}

TEST(ConfigSpaceTest, SizesAreExactOnASmallSpace) {
  std::map<std::string, std::vector<std::string>> small;
  const ConfigSpace whole(target(), {}, "w.json");
  for (const KnobDomain& knob : whole.knobs()) small[knob.name] = {knob.choices.front()};
  small["weights"] = {"all=bf16", "mlp=int8"};
  small["activations"] = {"f32", "bf16", "int8"};
  small["kv_cache"] = {"bf16", "int4_channel"};
  small["kv_page_tokens"] = {"16", "32"};
  const ConfigSpace space(target(), small, "w.json");
  const auto sizes = space.sizes();
  EXPECT_TRUE(sizes.back().exact);
  EXPECT_EQ(sizes.front().configs, 2 * 3 * 2 * 2);
  std::set<Point> distinct;
  Point point(space.knobs().size(), 0);
  const Space s = space.space();
  std::function<void(std::size_t)> walk = [&](std::size_t i) {
    if (i == point.size()) {
      if (const auto p = space.canonical(point)) distinct.insert(*p);
      return;
    }
    for (point[i] = 0; point[i] < s.n_choices[i]; ++point[i]) walk(i + 1);
  };
  walk(0);
  EXPECT_EQ(sizes.back().configs, static_cast<double>(distinct.size()));
}

TEST(ConfigSpaceTest, RestrictionsAreChecked) {
  try {
    ConfigSpace(target(), {{"weight", {"all=int8"}}}, "w.json");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("weights"), std::string::npos) << error.what();
  }
  try {
    ConfigSpace(target(), {{"weights", {"all=int7"}}}, "w.json");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("$.space.weights"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("int4_g128"), std::string::npos) << error.what();
  }
}

TEST(StartingPointsTest, AllAreLegalOnThisTarget) {
  const ConfigSpace space(target(), {}, "w.json");
  for (const StartingPoint& start : kStartingPoints)
    EXPECT_TRUE(space.point(apply(start, target()))) << start.name;
}

}  // namespace
}  // namespace paretune
