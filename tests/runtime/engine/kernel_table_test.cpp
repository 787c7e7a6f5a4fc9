#include "runtime/engine/kernel_table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "runtime/engine/model.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

KernelChoice choice(int m, int prefetch, int threads = 2) {
  return {.key = {&kInt8, Activations::int8, 512, 256, m, threads},
          .plan = {.variant = &resolve_matmul("amx", kInt8, Activations::int8),
                   .walk = {.prefetch = prefetch, .streams = 2, .depth_block = 512},
                   .row_block = 32,
                   .panel_block = 4,
                   .claimed = true,
                   .row_shares = 2},
          .default_s = 0.25,
          .tuned_s = 0.125};
}

std::string table_error(const std::string& json) {
  try {
    kernel_table_from_json(json, "deploy.json: $.kernels");
    return "no error";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

TEST(KernelTable, JsonRoundTrip) {
  const KernelTable table({choice(1, 512), choice(64, 0)});
  const KernelTable back = kernel_table_from_json(to_json(table), "here");
  ASSERT_EQ(back.choices().size(), 2u);
  EXPECT_EQ(back.choices()[0], table.choices()[0]);
  EXPECT_EQ(back.choices()[1], table.choices()[1]);
  EXPECT_TRUE(kernel_table_from_json("[]", "here").empty());
}

TEST(KernelTable, EveryRefusalNamesThePlaceAndWhatIsAllowed) {
  const std::string good = to_json(KernelTable({choice(1, 512)}));
  struct Case {
    std::string from, to, place, allowed;
  };
  for (const Case& c : {
           Case{"\"m\":1,", "", "$.kernels[0].m", "an integer"},
           Case{"\"m\":1", "\"m\":0", "$.kernels[0].m", "from 1"},
           Case{"\"m\":1", "\"m\":1.5", "$.kernels[0].m", "integer"},
           Case{"\"int8\"", "\"int3\"", "$.kernels[0].weights", "int4_g128"},
           Case{"\"streams\"", "\"stream\"", "$.kernels[0]", "streams"},
           Case{"\"row_block\":32", "\"row_block\":33", "row_block", "a multiple of 16"},
           Case{"\"depth_block\":512", "\"depth_block\":300", "depth_block", "of 256"},
           Case{"\"tuned_s\":0.125", "\"tuned_s\":-1", "tuned_s", "0 or more"},
           Case{"[{", "{\"a\":[{", "deploy.json", "not JSON"},
           Case{good, "{}", "$.kernels", "an array"},
           Case{good, "[1]", "$.kernels[0]", "an object"},
       }) {
    std::string broken = good;
    ASSERT_NE(broken.find(c.from), std::string::npos) << c.from;
    broken.replace(broken.find(c.from), c.from.size(), c.to);
    EXPECT_NE(table_error(broken).find(c.place), std::string::npos) << table_error(broken);
    EXPECT_NE(table_error(broken).find(c.allowed), std::string::npos) << table_error(broken);
  }
}

// A deployment may come from a machine that had more.
TEST(KernelTable, KernelsThatThisCpuLacksAreLeftOut) {
  for (const MatmulVariant& v : matmul_variants()) {
    KernelChoice one = choice(1, 0);
    one.key.weights = v.weights;
    one.key.activations = v.activations;
    one.plan.variant = &v;
    const KernelTable back = kernel_table_from_json(to_json(KernelTable({one})), "here");
    EXPECT_EQ(back.choices().size(), cpu_has(v.needs) ? 1u : 0u) << v.family;
  }
}

TEST(KernelTable, PlansServeTheNextLargerSize) {
  const KernelTable table({choice(64, 3), choice(1, 1), choice(8, 2)});
  const MatmulPlans plans = table.plans(kInt8, Activations::int8, 512, 256, 2);
  for (const auto& [m, prefetch] : {std::pair{1, 1}, {2, 2}, {8, 2}, {9, 3}, {64, 3}, {500, 3}}) {
    EXPECT_EQ(plans.at(m).walk.prefetch, prefetch) << m;
  }
  const MatmulPlan untuned = default_plan("amx", kInt8, Activations::int8);
  EXPECT_EQ(table.plans(kInt8, Activations::int8, 512, 128, 2).at(1), untuned);
  EXPECT_EQ(table.plans(kInt8, Activations::f32, 512, 256, 2).at(1),
            default_plan("amx", kInt8, Activations::f32));
}

TEST(KernelTable, TheNearestThreadCountServes) {
  const KernelTable table({choice(1, 10, 1), choice(1, 40, 4)});
  EXPECT_EQ(table.plans(kInt8, Activations::int8, 512, 256, 1).at(1).walk.prefetch, 10);
  EXPECT_EQ(table.plans(kInt8, Activations::int8, 512, 256, 2).at(1).walk.prefetch, 10);
  EXPECT_EQ(table.plans(kInt8, Activations::int8, 512, 256, 4).at(1).walk.prefetch, 40);
}

// Plans as unlike as they come: the model says the same, to the bit.
TEST(KernelTable, NoPlanChangesAnAnswer) {
  DeployConfig config = exact_config(demo_target());
  config.weights = parse_policy("all=int4_g64", "test");
  config.activations.name = "int8";
  config.prefill_threads = config.decode_threads = 2;
  config.prefill_kernel.name = config.decode_kernel.name = kKernelFamilies.front();
  const auto prompt = golden_prompt(4);
  const std::vector<float> expected =
      last_logits(load_model(open_model(kDemo), config), config, prompt);

  config.prefill_kernel.name = config.decode_kernel.name = "tuned";
  for (int variation = 0; variation < 6; ++variation) {
    KernelTable table;
    for (const Model::Product& p : Model::products(demo_target().model)) {
      for (const int m : {1, 16, 4096}) {
        table.add({.key = {&kInt4G64, Activations::int8, p.n, p.k, m, 2},
                   .plan = {.variant = &resolve_matmul(variation % 2 ? "avx2" : "amx", kInt4G64,
                                                       Activations::int8),
                            .walk = {.prefetch = 512 * variation, .streams = 1 << variation % 3},
                            .row_block = 16 * (variation % 4),
                            .panel_block = 1 + 5 * variation,
                            .claimed = variation % 3 == 1,
                            .row_shares = 1 + variation % 2}});
      }
    }
    EXPECT_EQ(last_logits(load_model(open_model(kDemo), config, table), config, prompt), expected)
        << "variation " << variation;
    const KernelTable used = used_by(table, config, demo_target().model);
    EXPECT_EQ(used.choices().size(), table.choices().size());
    DeployConfig other = config;
    other.activations.name = "f32";
    EXPECT_TRUE(used_by(table, other, demo_target().model).empty());
  }
}

}  // namespace
}  // namespace paretune
