// What the whole search rests on: quality depends on a config's quality knobs alone (its
// quality_signature), so that it is measured once for all configs that share them. Shown with real
// runs of the demo model, on configs drawn from the space.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "optimizer/config_space.h"
#include "profiles/quality.h"
#include "runtime/deployment.h"
#include "tests/runtime/engine/recorded_run.h"

namespace paretune {
namespace {

class Factorization : public testing::Test {
 protected:
  // Policies and smoothers that load at once: how weights were rounded is all in the packed
  // weights.
  Factorization()
      : configs_(target_,
                 {{"weights",
                   {"all=f32", "all=bf16", "all=int8", "all=int8_g32", "linear=q6_k,output=int8",
                    "all=q4_k", "linear=int4_g32,output=int8", "linear=int3_g64,output=bf16",
                    "all=nf4_g64"}},
                  {"smoothing", {"none", "hadamard"}}},
                 "test") {}

  int draw(std::size_t n) { return static_cast<int>(rng_() % n); }

  // keep(knob): whether it stays as it is.
  template <class Keep>
  DeployConfig redrawn(const DeployConfig& config, Keep&& keep) {
    Point point = configs_.point(config).value();
    for (std::size_t i = 0; i < point.size(); ++i) {
      const KnobDomain& knob = configs_.knobs()[i];
      if (!keep(knob)) point[i] = draw(knob.choices.size());
    }
    return configs_.config(configs_.canonical(point).value());
  }
  DeployConfig drawn() {
    return redrawn(configs_.config(Point(configs_.knobs().size(), 0)),
                   [](const KnobDomain&) { return false; });
  }
  static bool is_quality(const KnobDomain& knob) {
    return knob.effect == effect_name(Effect::quality);
  }

  RecordedRun run(const DeployConfig& config) const {
    return recorded_run(load_model(open_model(kDemo), config), config, texts_);
  }

  const Target target_ = demo_target();
  const ConfigSpace configs_;
  const std::vector<ScriptedText> texts_ = demo_texts();
  std::mt19937_64 rng_{1};
};

// By the same kernels, but for those that choose how they sum by the number of rows, what else is
// redrawn changes no bit: threads, batches, chunks, schedules, pages, shared prefixes.
TEST_F(Factorization, SameKernelsSameLogits) {
  for (int i = 0; i < 16; ++i) {
    DeployConfig a = drawn();
    a.decode_kernel = a.prefill_kernel;  // or the schedule says by which kernel a token is run
    a = canonical(a, target_);
    if (a.prefill_kernel.name == "openblas" || a.prefill_kernel.name == "onednn") continue;
    const DeployConfig b = redrawn(a, [](const KnobDomain& knob) {
      return is_quality(knob) || knob.name.ends_with("_kernel");
    });
    ASSERT_EQ(quality_signature(a), quality_signature(b));
    EXPECT_TRUE(run(a).logits == run(b).logits) << to_json(a) << '\n' << to_json(b);
  }
}

// By other kernels sums are rounded otherwise. Where nothing is rounded to fewer bits at run time,
// that is all: 1e-4 of the largest logit, as ModelTest.KnobsKeepTheirPromises has it. Where
// activations or cached values are, a last bit may move one of them to the next code, which is one
// such rounding more or less. So two configs are no further from each other than either is from the
// same weights with nothing rounded at run time; independent roundings would be twice as far. Found
// in 200 pairs: at most 0.3 of it.
TEST_F(Factorization, OtherKernelsDifferByRoundingAlone) {
  for (int i = 0; i < 16; ++i) {
    const DeployConfig a = drawn(), b = redrawn(a, is_quality);
    ASSERT_EQ(quality_signature(a), quality_signature(b));
    DeployConfig exact = a;
    exact.activations.name = "f32";
    exact.kv_cache = &kKvF32;
    exact = canonical(exact, target_);
    const RecordedRun of_a = run(a), of_b = run(b);
    ASSERT_EQ(of_a.logits.size(), of_b.logits.size());
    const RunDifference between = difference(of_a, of_b);
    SCOPED_TRACE(to_json(a) + '\n' + to_json(b));
    if (quality_signature(a) == quality_signature(exact)) {
      EXPECT_LE(between.error, 1e-4);
      continue;
    }
    const RecordedRun of_exact = run(exact);
    EXPECT_LE(between.divergence, difference(of_exact, of_a).divergence);
    EXPECT_LE(between.divergence, difference(of_exact, of_b).divergence);
  }
}

// A knob that changed nothing would only make qualities be measured twice. Choices that do not
// change anything here are printed: they may for another model.
TEST_F(Factorization, EveryQualityKnobChangesLogits) {
  DeployConfig base = default_config(target_);
  base.weights = parse_policy("all=int8", "test");
  base.activations.name = "int8";
  base = canonical(base, target_);
  for (std::size_t i = 0; i < configs_.knobs().size(); ++i) {
    const KnobDomain& knob = configs_.knobs()[i];
    if (!is_quality(knob)) continue;
    std::map<std::string, RecordedRun> runs;  // by choice
    for (const std::string& choice : knob.choices) {
      DeployConfig config = base;
      set_knob(config, knob.name, choice, "test");
      config = canonical(config, target_);
      if (knob_text(config, knob.name) != choice) continue;  // means the same as another
      RecordedRun now = run(config);
      for (const auto& [other, its] : runs) {
        if (its.logits == now.logits)
          std::printf("%s: %s and %s give the same logits\n", knob.name.c_str(), other.c_str(),
                      choice.c_str());
      }
      runs.emplace(choice, std::move(now));
    }
    EXPECT_TRUE(std::ranges::any_of(runs, [&](const auto& one) {
      return one.second.logits != runs.begin()->second.logits;
    })) << knob.name;
  }
}

}  // namespace
}  // namespace paretune
