// Faults planted where real ones would be: the quality gate must catch each and say what broke.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "optimizer/judge.h"
#include "profiles/fault.h"
#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/demo_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

// A kernel that is fast and wrong: what it computes of the last row of every 16 is lost.
const MatmulVariant* healthy = nullptr;
void drop_a_row(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
                std::size_t ldy) {
  healthy->run(prepared, m, w, walk, y, ldy);
  for (int i = 15; i < m; i += 16) std::fill_n(y + std::size_t(i) * ldy, w.n, 0.0f);
}

// A product that is counted twice.
void run_twice(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
               std::size_t ldy) {
  healthy->run(prepared, m, w, walk, y, ldy);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < w.n; ++j) y[std::size_t(i) * ldy + std::size_t(j)] *= 2;
  }
}

// A quantizer whose zero-points are one too high.
class OffByOne final : public RowQuantizer {
 public:
  explicit OffByOne(std::unique_ptr<RowQuantizer> right) : right_(std::move(right)) {}
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    right_->quantize(rows, k, dropped, out);
    for (RowCodes& row : out) {
      for (std::uint8_t& zero : row.zeros) zero = std::uint8_t(std::min(zero + 1, 15));
    }
  }

 private:
  std::unique_ptr<RowQuantizer> right_;
};

class PlantedFaults : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto source = open_model(kDemoModel);
    target = new Target{this_machine(), source->shape()};
    model = new LoadedModel(load_model(std::move(source), full_precision_config(*target)));
    workload = new Workload{.file = "test.json", .seed = 3};
    for (const char* name : {"recall", "induction", "arithmetic", "copy", "sort", "knowledge"}) {
      workload->quality.text.push_back({.file = kDemoEvals + std::string(name) + ".jsonl"});
      workload->quality.evals.push_back(demo_eval(name));
      workload->quality.evals.back().max_items = 4;
    }
    plan = new QualityPlan(plan_quality(*workload, target->model, *model->tokenizer, &*model->chat,
                                        {.text_tokens = 1024, .questions = 24}));
    const DeployConfig full = full_precision_config(*target);
    reference = new QualityReference(measure_reference(*model, full, *plan));
    asked = new QualityPlan;
    for (const auto& [name, questions] :
         plan_gate(*workload, target->model, *model->tokenizer, &*model->chat, *plan)) {
      asked->questions.insert(asked->questions.end(), questions.begin(), questions.begin() + 60);
    }
    gate_reference = new std::vector<QuestionScore>(score_questions(*model, full, *asked));
  }
  static void TearDownTestSuite() {
    delete gate_reference, delete asked, delete reference, delete plan, delete workload;
    delete model, delete target;
  }

  static DeployConfig int4() {
    DeployConfig config = full_precision_config(*target);
    config.weights = parse_policy("linear=int4_g32,output=f32", "test");
    config.activations.name = "int8";
    return canonical(config, *target);
  }
  static Trial judged(const LoadedModel& loaded, const DeployConfig& config) {
    Trial trial{.config = config};
    trial.measurement.quality = measure_quality(loaded, config, *plan, *reference);
    measure_decoding(loaded, config, *plan, *reference, trial.measurement.quality);
    trial.measurement.speed.at_workload.meets_slo = true;
    judge_trial(trial, *workload);
    return trial;
  }
  static GateResult gated(const LoadedModel& loaded, const DeployConfig& config) {
    Quality quality;
    summarize_scores(*asked, score_questions(loaded, config, *asked), *gate_reference, quality);
    std::vector<GateCapability> capabilities;
    for (Capability& c : quality.capabilities) capabilities.push_back({std::move(c), 2});
    return judge_gate(capabilities, {.every = 0.05});
  }
  // For every product of the kind (none: of the model): what the family runs, with `run` in its
  // place. k: of the product's rows, where it is not the matrix itself.
  static KernelTable plant(decltype(MatmulVariant::run) run, std::string_view family,
                           const WeightFormat& format, Activations activations,
                           std::optional<LayerKind> kind = {}, int k = 0) {
    static MatmulVariant broken;  // tables point to it
    healthy = &resolve_matmul(family, format, activations);
    broken = *healthy;
    broken.run = run;
    KernelTable kernels;
    for (const Model::Product& p : Model::products(target->model)) {
      if (kind && p.kind != *kind) continue;
      kernels.add({.key = {.weights = &format,
                           .activations = activations,
                           .n = p.n,
                           .k = k > 0 ? k : p.k,
                           .m = 1},
                   .plan = {.variant = &broken}});
    }
    return kernels;
  }
  static std::string fault(const DeployConfig& config, const KernelTable& kernels = {},
                           PackCache* packs = nullptr) {
    return find_fault([] { return open_model(kDemoModel); }, config, kernels, packs, *plan,
                      *reference);
  }
  static std::string words(const Trial& trial) {
    std::string all;
    for (const std::string& violation : trial.violations) all += violation + "; ";
    return all;
  }

  static inline Target* target;
  static inline LoadedModel* model;
  static inline Workload* workload;
  static inline QualityPlan* plan;
  static inline QualityReference* reference;
  static inline QualityPlan* asked;
  static inline std::vector<QuestionScore>* gate_reference;
};

TEST_F(PlantedFaults, WhatIsSoundPasses) {
  const DeployConfig config = int4();
  const LoadedModel loaded = load_model(open_model(kDemoModel), config);
  const Trial trial = judged(loaded, config);
  EXPECT_TRUE(trial.feasible) << words(trial);
  EXPECT_LT(std::abs(trial.measurement.quality.kl_added_by_decoding), 1e-3);
  EXPECT_EQ(fault(config), "");
  EXPECT_NE(gated(loaded, config).verdict, GateVerdict::failed);
}

TEST_F(PlantedFaults, AKernelThatDropsARowOfATile) {
  DeployConfig config = int4();
  config.prefill_kernel.name = "tuned";
  const KernelTable kernels =
      plant(drop_a_row, "vnni", kInt4G32, Activations::int8, LayerKind::down);
  const LoadedModel loaded = load_model(open_model(kDemoModel), config, kernels);
  const Trial trial = judged(loaded, config);
  EXPECT_FALSE(trial.feasible);
  EXPECT_NE(words(trial).find("KL divergence"), std::string::npos) << words(trial);
  EXPECT_NE(gated(loaded, config).verdict, GateVerdict::passed);
  EXPECT_EQ(fault(config, kernels).find("the matrix kernels: "), 0u) << fault(config, kernels);
}

// Prompts are read right, answers are generated wrong.
TEST_F(PlantedFaults, AKernelThatDropsARowWhereItDecodes) {
  DeployConfig config = int4();
  config.max_batch_size = 16;
  config.decode_kernel.name = "tuned";
  const LoadedModel loaded = load_model(open_model(kDemoModel), config,
                                        plant(drop_a_row, "vnni", kInt4G32, Activations::int8));
  const Trial trial = judged(loaded, config);
  EXPECT_FALSE(trial.feasible);
  EXPECT_NE(words(trial).find("KL divergence added by decoding"), std::string::npos)
      << words(trial) << trial.measurement.quality.kl_added_by_decoding;
  EXPECT_EQ(words(trial).find("KL divergence: "), std::string::npos) << words(trial);
}

TEST_F(PlantedFaults, ACompensationAppliedTwice) {
  constexpr int kRank = 64;
  DeployConfig config = full_precision_config(*target);
  config.weights = parse_policy("linear=int2_g32:rank64,output=f32", "test");
  config.prefill_kernel.name = config.decode_kernel.name = "tuned";
  const TemporaryFolder folder;
  PackCache packs(folder.path(), std::uint64_t(1) << 30);  // the calibration serves both
  const LoadedModel sound = load_model(open_model(kDemoModel), config, {}, &packs);
  EXPECT_TRUE(judged(sound, config).feasible) << words(judged(sound, config));
  const KernelTable kernels = plant(run_twice, "avx512", kBf16, Activations::f32, {}, kRank);
  const LoadedModel loaded = load_model(open_model(kDemoModel), config, kernels, &packs);
  const Trial trial = judged(loaded, config);
  EXPECT_FALSE(trial.feasible) << trial.measurement.quality.kl_divergence;
  EXPECT_NE(words(trial).find("KL divergence"), std::string::npos) << words(trial);
  EXPECT_EQ(fault(config, kernels, &packs).find("the matrix kernels: "), 0u);
}

// Where the code that all kernels share adds it twice, every kernel is wrong alike, and what is
// left is as large as without it: e - 2 P e of a projection P.
TEST_F(PlantedFaults, ACompensationThatSavesNothing) {
  DeployConfig config = full_precision_config(*target);
  config.weights = parse_policy("linear=int2_g32:rank64,output=f32", "test");
  const auto sample = [](double of_each, double spread) {
    TextSample sample;
    for (int i = 0; i < 64; ++i) {
      sample.tokens.push_back({.kl_divergence = of_each + (i % 2 ? spread : -spread)});
      sample.document_tokens.push_back(1);
      sample.sources.push_back(i);
    }
    return sample;
  };
  const auto compensated = [](const DeployConfig& one) {
    bool any = false;
    Policy weights = one.weights;
    weights.rewrite([&](Treatment treatment) {
      any |= treatment.rank > 0;
      return treatment;
    });
    return any;
  };
  const std::string fault = find_fault(config, {}, [&](const DeployConfig& one) {
    return compensated(one) ? sample(0.30, 0.1) : sample(0.31, 0);
  });
  EXPECT_EQ(fault.find("the compensation: KL divergence 0.3, without it 0.31"), 0u) << fault;
  EXPECT_EQ(find_fault(config, {},
                       [&](const DeployConfig& one) {
                         return compensated(one) ? sample(0.30, 0.1) : sample(0.5, 0);
                       }),
            "");
  // One document does not tell how far others may be off.
  EXPECT_EQ(find_fault(config, {},
                       [&](const DeployConfig& one) {
                         TextSample single = compensated(one) ? sample(0.30, 0) : sample(0.31, 0);
                         single.document_tokens = {64};
                         single.sources = {0};
                         return single;
                       }),
            "");
}

// What is lost to rounding alone has nobody to blame.
TEST_F(PlantedFaults, FewBitsAreNoFault) {
  DeployConfig config = int4();
  config.weights = parse_policy("linear=int2_g32,output=f32", "test");
  const LoadedModel loaded = load_model(open_model(kDemoModel), config);
  EXPECT_FALSE(judged(loaded, config).feasible);
  EXPECT_EQ(fault(config), "");
}

TEST_F(PlantedFaults, AQuantizerWithAWrongZeroPoint) {
  const Quantizer wrong{
      "wrong", "", false,
      [](const WeightFormat& format,
         const InputStatistics* statistics) -> std::unique_ptr<RowQuantizer> {
        return std::make_unique<OffByOne>(make_round_to_nearest(format, statistics));
      }};
  DeployConfig config = int4();
  config.weights.set(LayerKind::gate_up, {&kInt4G32, &wrong});
  try {
    load_model(open_model(kDemoModel), config);
    FAIL();
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("blk.0.ffn_gate"), std::string::npos) << what;
    EXPECT_NE(what.find("wrong rounds it to int4_g32"), std::string::npos) << what;
  }
}

}  // namespace
}  // namespace paretune
