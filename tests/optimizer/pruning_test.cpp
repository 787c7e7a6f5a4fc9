// What the rules of the space leave out is no loss: in spaces that are small enough to run every
// raw combination of choices, one that is dropped is refused by the runtime, and one that another
// stands for does what that one does, step by step and bit by bit.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "optimizer/config_space.h"
#include "runtime/deployment.h"
#include "search/indicators.h"
#include "search/pareto.h"
#include "search/sweep.h"
#include "tests/runtime/engine/recorded_run.h"

namespace paretune {
namespace {

using Restriction = std::map<std::string, std::vector<std::string>>;

// Of the knobs that are not named the default's choice alone.
Restriction small_space(const Target& target, Restriction choices) {
  const DeployConfig config = default_config(target);
  for_each_knob([&](const auto& knob) {
    choices.try_emplace(std::string(knob.name), std::vector{knob_text(config, knob.name)});
  });
  return choices;
}

class Pruning : public testing::Test {
 protected:
  struct Ran {
    RecordedRun run;
    Scores scores;  // work of all steps and of the largest, KL from full precision
  };

  RecordedRun full_precision() const {
    const DeployConfig exact = exact_config(target_);
    return recorded_run(load_model(open_model(kDemo), exact), exact, texts_);
  }

  // nullopt: the runtime refuses it.
  std::optional<Ran> run(const DeployConfig& config) const {
    std::optional<LoadedModel> model;
    try {
      model = load_model(open_model(kDemo), config);
    } catch (const std::runtime_error&) {
      return std::nullopt;
    }
    Ran ran{.run = recorded_run(*model, config, texts_)};
    double sum = 0, largest = 0;
    for (const RecordedStep& step : ran.run.steps) {
      const double work = double(model->model->weight_bytes()) + work_of(config, step);
      sum += work;
      largest = std::max(largest, work);
    }
    ran.scores = {sum, largest, difference(exact_, ran.run).divergence};
    return ran;
  }

  // Not what it takes, but other kernels, batches and caches make other work.
  double work_of(const DeployConfig& config, const RecordedStep& step) const {
    const std::string_view family =
        step.phase == Phase::prefill ? config.prefill_kernel.name : config.decode_kernel.name;
    double per_token = 0, cached = 0, tokens = 0;
    for (const WeightFormat* format : config.weights.formats()) {
      const MatmulVariant& kernel =
          resolve_matmul(family, *format, effective_activations(config, *format));
      per_token += 1e4 * double(&kernel - matmul_variants().data() + 1);
    }
    for (const auto& [past, n] : step.segments) tokens += n, cached += past;
    const ModelShape& m = target_.model;
    return per_token * tokens +
           cached * double(kv_page_bytes(*config.kv_cache, 64, m.n_kv_heads, m.head_dim));
  }

  void check(const Restriction& choices) {
    const ConfigSpace configs(target_, small_space(target_, choices), "test");
    const Space space = configs.space();
    std::map<Point, std::optional<Ran>> ran;
    const auto ran_at = [&](const Point& point) -> const std::optional<Ran>& {
      const auto [entry, is_new] = ran.try_emplace(point);
      if (is_new) entry->second = run(configs.config(point));
      return entry->second;
    };
    std::vector<Scores> all, kept;
    Sweep sweep(space.n_choices, Point(space.n_choices.size(), 0));
    sweep.find([&](const Point& point) -> std::optional<Point> {
      const DeployConfig config = configs.config(point);
      SCOPED_TRACE(to_json(config));
      const std::optional<Point> other = configs.canonical(point);
      const std::optional<Ran>& here = ran_at(point);
      EXPECT_TRUE(other || !here) << "runs, and nothing stands for it";
      EXPECT_TRUE(other != point || here) << "is kept, and does not run";
      if (here) all.push_back(here->scores);
      if (here && other == point) kept.push_back(here->scores);
      if (!here || !other || *other == point) return std::nullopt;

      const DeployConfig stands_for_it = configs.config(*other);
      SCOPED_TRACE(to_json(stands_for_it));
      EXPECT_EQ(to_json(canonical(config, target_)), to_json(canonical(stands_for_it, target_)));
      const std::optional<Ran>& there = ran_at(*other);
      EXPECT_TRUE(there);
      if (!there) return std::nullopt;
      EXPECT_TRUE(here->run.steps == there->run.steps);
      EXPECT_EQ(here->scores[0], there->scores[0]);
      if (config.smoothing.name == "hadamard" && stands_for_it.smoothing.name == "none") {
        // Not the same, but no better: of floats a turned stream rounds none better.
        EXPECT_LE(there->scores[2], here->scores[2] + kKlResolution);
      } else {
        EXPECT_TRUE(here->run.logits == there->run.logits);
      }
      return std::nullopt;
    });
    ASSERT_FALSE(kept.empty());
    EXPECT_GT(raw_size(space), kept.size()) << "no rule had anything to do";
    std::vector<Scores> front;
    for (const std::size_t i : pareto_front(all)) front.push_back(all[i]);
    EXPECT_LE(additive_epsilon(kept, front), kKlResolution);
  }

  // Of those that this machine runs, the best first after "tuned".
  std::string family(std::size_t i) const {
    const auto families = kernel_choices(target_);
    return std::string(families[std::min(i, families.size() - 1)].name);
  }

  static constexpr double kKlResolution = 1e-6;  // as search_scores has it

  const Target target_ = demo_target();
  const std::vector<ScriptedText> texts_ = demo_texts();
  const RecordedRun exact_ = full_precision();
};

TEST_F(Pruning, OfWeightsCastsAndKernels) {
  check({{"weights",
          {"all=bf16", "all=bf16,qkv@0-" + std::to_string(target_.model.n_layers - 2) + "=int8",
           "linear=q4_k:clip,output=int8", "linear=q4_k,output=int8"}},
         {"smoothing", {"none", "hadamard"}},
         {"activations", {"f32", "bf16", "int8"}},
         {"prefill_kernel", {family(1), family(2)}}});
}

TEST_F(Pruning, OfStepsAndPages) {
  check({{"kv_cache", {"bf16", "int4_channel"}},
         {"kv_page_tokens", {"16", "64"}},
         {"max_batch_size", {"2", "64"}},
         {"prefill_chunk", {"16", "64"}},
         {"schedule", {"mixed", "prefill_first"}}});
}

// What a rule would write is not among the choices that the user left.
TEST_F(Pruning, OfARestrictedSpace) {
  check({{"weights", {"all=bf16", "linear=int8,output=bf16", "linear=q4_k,output=int8"}},
         {"smoothing", {"hadamard"}},
         {"activations", {"bf16", "int8"}},
         {"prefill_kernel", {family(2)}},
         {"max_batch_size", {"64"}},
         {"prefill_chunk", {"16"}},
         {"kv_cache", {"bf16", "int4_channel"}},
         {"kv_page_tokens", {"16"}}});
}

}  // namespace
}  // namespace paretune
