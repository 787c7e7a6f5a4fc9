#include "profiles/quality.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "runtime/engine/loaded_model.h"
#include "tests/profiles/demo_model.h"

namespace paretune {
namespace {

// The demo model at full precision with a small plan, made once: it takes most of this test's time.
class QualityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto source = open_model(kDemoModel);
    target = new Target{this_machine(), source->shape()};
    model = new LoadedModel(load_model(std::move(source), full()));
    Workload workload{.file = "test.json", .seed = 3};
    for (const char* name : {"recall", "long_recall", "induction", "arithmetic", "copy", "sort",
                             "knowledge", "extraction", "logic", "story"}) {
      workload.quality.text.push_back({.file = kDemoEvals + std::string(name) + ".jsonl"});
      if (name != std::string("story")) workload.quality.evals.push_back(demo_eval(name));
    }
    plan = new QualityPlan(planned(workload, {.text_tokens = 1536, .questions = 36}));
    reference = new QualityReference(measure_reference(*model, full(), *plan));
  }
  static void TearDownTestSuite() { delete reference, delete plan, delete model, delete target; }

  static DeployConfig full() { return full_precision_config(*target); }
  static QualityPlan planned(const Workload& workload, const QualityBudget& budget) {
    return plan_quality(workload, target->model, *model->tokenizer, &*model->chat, budget);
  }
  static Quality measured(const DeployConfig& config) {
    const LoadedModel loaded = load_model(open_model(kDemoModel), config);
    return measure_quality(loaded, config, *plan, *reference);
  }

  static inline Target* target;
  static inline LoadedModel* model;
  static inline QualityPlan* plan;
  static inline QualityReference* reference;
};

TEST_F(QualityTest, FullPrecisionLosesNothingAgainstItself) {
  const Quality q = measure_quality(*model, full(), *plan, *reference);
  EXPECT_EQ(q.kl_divergence, 0);
  EXPECT_EQ(q.kl_p99, 0);
  EXPECT_EQ(q.same_top1_fraction, 1);
  EXPECT_EQ(q.perplexity_ratio, 1);
  EXPECT_EQ(q.perplexity, q.reference_perplexity);
  EXPECT_EQ(q.tokens, 1536);
  EXPECT_GT(q.perplexity, 1.4);  // 2.9 on these texts: names and numbers in the prompts are random
  EXPECT_LT(q.perplexity, 4);
  ASSERT_EQ(q.capabilities.size(), 9u);
  EXPECT_GE(q.accuracy, 0.9);  // the model's README: 98 % over these nine
  for (const Capability& c : q.capabilities) {
    EXPECT_EQ(c.items, 4) << c.name;
    EXPECT_EQ(c.accuracy, c.reference_accuracy) << c.name;
    EXPECT_EQ(c.broken + c.mended, 0) << c.name;
  }
}

TEST_F(QualityTest, ReferenceSurvivesItsFile) {
  const TemporaryFile file("reference", "");
  save_reference(*reference, file.path());
  EXPECT_EQ(load_reference(file.path(), plan->hash()), *reference);
}

// Weights stored in bf16 are the same numbers in f32 and in bf16.
TEST_F(QualityTest, StoredPrecisionIsFullPrecision) {
  DeployConfig config = full();
  config.weights = Policy();
  const Quality q = measured(config);
  EXPECT_LT(q.kl_divergence, 1e-9);
  EXPECT_EQ(q.accuracy, measure_quality(*model, full(), *plan, *reference).accuracy);
}

// The README of ../shared/demo-model: round-to-nearest of all linear layers, embeddings kept, mean
// KL over all tokens: int8 per channel 1e-5, int4 g32 1.8e-3, int4 g128 3.1e-3; other documents
// than these.
TEST_F(QualityTest, KnownDivergencesOfRoundToNearest) {
  const auto kl = [&](const WeightFormat& format) {
    DeployConfig config = full();
    config.weights = uniform_policy(kAllKinds, {&format}, {&kF32});
    const Quality q = measured(config);
    EXPECT_GT(q.kl_standard_error, 0) << format.name;
    EXPECT_LT(q.kl_standard_error, 0.25 * q.kl_divergence) << format.name;
    EXPECT_GT(q.kl_p99, q.kl_divergence) << format.name;
    EXPECT_LT(std::abs(q.perplexity_ratio - 1), 5 * q.perplexity_ratio_standard_error + 1e-4)
        << format.name;
    return q.kl_divergence;
  };
  const double int8 = kl(kInt8), g32 = kl(kInt4G32), g128 = kl(kInt4G128);
  EXPECT_GT(int8, 1e-5 / 2);
  EXPECT_LT(int8, 1e-5 * 2.5);  // ours is symmetric, theirs was not
  EXPECT_GT(g32, 1.8e-3 / 1.7);
  EXPECT_LT(g32, 1.8e-3 * 1.7);
  EXPECT_GT(g128, 3.1e-3 / 1.8);
  EXPECT_LT(g128, 3.1e-3 * 1.8);
  EXPECT_GT(g128, g32);
}

// Calibrated on what the model says by itself, judged on texts it never saw.
TEST_F(QualityTest, GptqLosesFarLessThanRoundToNearest) {
  const auto kl = [&](std::string_view quantizer) {
    DeployConfig config = full();
    config.weights =
        parse_policy("linear=int4_g128:" + std::string(quantizer) + ",output=f32", "test");
    return measured(config).kl_divergence;
  };
  const double nearest = kl("nearest"), gptq = kl("gptq");
  EXPECT_LT(gptq, nearest / 3);  // seen: a tenth
  EXPECT_GT(gptq, 0);
}

// The demo model with one weight's values replaced.
class Spoiled : public ModelSource {
 public:
  Spoiled(Weight weight, float value)
      : demo_(open_model(kDemoModel)), weight_(weight), value_(value) {}
  const ModelShape& shape() const override { return demo_->shape(); }
  const TokenizerData& tokenizer() const override { return demo_->tokenizer(); }
  const std::optional<std::string>& chat_template() const override {
    return demo_->chat_template();
  }
  void read_rows(Weight weight, int layer, int begin, int end,
                 std::span<float> out) const override {
    if (weight == weight_) return void(std::ranges::fill(out, value_));
    demo_->read_rows(weight, layer, begin, end, out);
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    return demo_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return demo_->source_format(weight, layer);
  }
  const std::filesystem::path& path() const override { return demo_->path(); }
  std::uint64_t file_bytes() const override { return demo_->file_bytes(); }
  std::string content_hash() const override { return "spoiled"; }
  void release_pages() const override { demo_->release_pages(); }

 private:
  std::unique_ptr<ModelSource> demo_;
  Weight weight_;
  float value_;
};

// One scale for all tokens loses more than a scale each, but not much after SmoothQuant; without it
// there are none.
TEST_F(QualityTest, StaticScalesOfActivations) {
  DeployConfig config = full();
  config.weights = parse_policy("all=int8", "test");
  config.smoothing.name = "smoothquant";
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("paretune_static_" + std::to_string(getpid()));
  PackCache packs(folder, std::uint64_t(1) << 30);  // calibrated once
  const auto kl = [&](std::string_view activations) {
    config.activations.name = activations;
    EXPECT_EQ(canonical(config, *target).activations.name, activations);
    const LoadedModel loaded = load_model(open_model(kDemoModel), config, {}, &packs);
    return mean_kl(sample_text(loaded, config, *plan, *reference, 1536)).value;
  };
  const double dynamic = kl("int8"), fixed = kl(kStaticInt8);
  EXPECT_GT(fixed, dynamic);
  EXPECT_LT(fixed, 0.005) << "dynamic: " << dynamic;
  config.smoothing.name = "none";
  EXPECT_EQ(canonical(config, *target).activations.name, "int8");
  std::filesystem::remove_all(folder);
}

// Without its last norm the model says that every token is equally likely.
TEST_F(QualityTest, RuinedModelShows) {
  const LoadedModel ruined =
      load_model(std::make_unique<Spoiled>(Weight::output_norm, 0.0f), full());
  const Quality q = measure_quality(ruined, full(), *plan, *reference);
  EXPECT_NEAR(q.perplexity, 1536, 1);
  EXPECT_GT(q.kl_divergence, 5);
  EXPECT_LT(q.same_top1_fraction, 0.05);
  EXPECT_EQ(q.accuracy, 0);
  for (const Capability& c : q.capabilities)
    EXPECT_EQ(c.broken, int(c.reference_accuracy * c.items + 0.5)) << c.name;
}

TEST_F(QualityTest, LogitsThatAreNotNumbersAreRefused) {
  const LoadedModel broken =
      load_model(std::make_unique<Spoiled>(Weight::output_norm, std::nanf("")), full());
  EXPECT_THROW(measure_quality(broken, full(), *plan, *reference), std::runtime_error);
}

// A right answer of no words is no token to rate, and no request to generate.
TEST_F(QualityTest, AnEmptyAnswerIsSure) {
  QualityPlan empty;
  for (const QualityQuestion& question : plan->questions)
    if (question.answer && empty.questions.empty()) empty.questions.push_back(question);
  ASSERT_FALSE(empty.questions.empty());
  QualityQuestion& question = empty.questions.front();
  question.answer = {.tokens = {question.prompt.begin(), question.prompt.end()},
                     .begin = int(question.prompt.size())};
  const std::vector<QuestionScore> scores = score_questions(*model, full(), empty);
  ASSERT_EQ(scores.size(), 1u);
  ASSERT_EQ(scores[0].likelihoods.size(), 1u);
  EXPECT_EQ(scores[0].likelihoods[0], 1);
}

// So that an error can be told of it.
TEST_F(QualityTest, ASampleOfOneLongTextIsOfSeveralOfItsWindows) {
  QualityPlan windows;
  for (int i = 0; i < 8; ++i) {
    QualityDocument& window = windows.documents.emplace_back();
    for (int t = 0; t < 300; ++t) window.push_back(20 + (t * 7 + i * 13) % 100);
    windows.sources.push_back(0);
  }
  const QualityReference exact = measure_reference(*model, full(), windows);
  const TextSample sample = sample_text(*model, full(), windows, exact, 256);
  EXPECT_GE(sample.document_tokens.size(), 3u);
  EXPECT_GE(sample.tokens.size(), 190u);
  EXPECT_LE(sample.tokens.size(), 330u);
  EXPECT_EQ(mean_kl(sample).value, 0);
}

TEST_F(QualityTest, ChoicesAreRatedByLikelihood) {
  const TemporaryFile eval(
      "choices.jsonl",
      R"({"prompt": "What is 47 + 77?", "choices": ["125", "124", "9"], "answer": 1}
{"prompt": "What is 265 + 564?", "choices": ["829", "289", "830"], "answer": 0}
{"prompt": "What is 81 - 19?", "choices": ["62", "61"], "answer": 1}
)");
  Workload workload;
  workload.quality.evals = {{.file = eval.path(), .name = "choices"}};
  const QualityPlan choices = planned(workload, {.text_tokens = 64});
  const QualityReference r = measure_reference(*model, full(), choices);
  ASSERT_EQ(r.scores.size(), 3u);
  for (std::size_t i = 0; i < 3;
       ++i)  // the answer given for the third is wrong, and the model knows
    EXPECT_EQ(r.scores[i], choices.questions[i].item.prompt.find("81") == std::string::npos) << i;
}

std::vector<QuestionScore> graded(std::initializer_list<double> scores) {
  std::vector<QuestionScore> all;
  for (const double score : scores) all.push_back({score, {}});
  return all;
}

TEST(SummarizeScores, LikelihoodsOfTheRightAnswer) {
  QualityPlan plan;
  // A choice of two, the second being right; one's own choice; an answer in one's own words.
  plan.questions.push_back({.item = {.capability = "a", .correct_choice = 1}, .choices = {{}, {}}});
  plan.questions.push_back(
      {.item = {.capability = "b", .grader = &kOwnChoice}, .choices = {{}, {}}});
  plan.questions.push_back({.item = {.capability = "c"}});
  const std::vector<QuestionScore> before{{1, {.1, .9}}, {0, {.8, .2}}, {1, {.6}}};
  const std::vector<QuestionScore> now{{1, {.3, .7}}, {1.5, {.4, .6}}, {1, {.5}}};
  Quality q;
  summarize_scores(plan, now, before, q);
  ASSERT_EQ(q.capabilities.size(), 3u);
  const double drops[] = {.2, .4, .1}, references[] = {.9, .8, .6};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(q.capabilities[i].rated, 1);
    EXPECT_NEAR(q.capabilities[i].reference_likelihood, references[i], 1e-12);
    EXPECT_NEAR(q.capabilities[i].likelihood_drop, drops[i] / 3, 1e-12);  // of one and two more
  }
  EXPECT_EQ(parse_scores(to_text(now)), now);
}

// A right answer that the rating finds next to impossible was worded in another way.
TEST(SummarizeScores, ALikelihoodThatTellsNothingIsNotUsed) {
  QualityPlan plan{.questions = {{.item = {.capability = "a"}}}};
  Quality q;
  summarize_scores(plan, std::vector<QuestionScore>{{1, {1e-6}}},
                   std::vector<QuestionScore>{{1, {1e-5}}}, q);
  EXPECT_EQ(q.capabilities[0].rated, 0);
}

TEST(SummarizeScores, CountsFlips) {
  QualityPlan plan;
  for (const char* name : {"a", "a", "a", "b"})
    plan.questions.push_back({.item = {.capability = name}});
  Quality q;
  summarize_scores(plan, graded({1, 0, 1, 0.5}), graded({1, 1, 0, 0.5}), q);
  EXPECT_EQ(q.capabilities[0].rated, 0);
  ASSERT_EQ(q.capabilities.size(), 2u);
  EXPECT_EQ(q.capabilities[0].items, 3);
  EXPECT_EQ(q.capabilities[0].broken, 1);
  EXPECT_EQ(q.capabilities[0].mended, 1);
  EXPECT_DOUBLE_EQ(q.capabilities[0].accuracy, 2 / 3.0);
  EXPECT_DOUBLE_EQ(q.capabilities[0].reference_accuracy, 2 / 3.0);
  EXPECT_DOUBLE_EQ(q.accuracy, (2 / 3.0 + 0.5) / 2);
  EXPECT_GT(q.accuracy_standard_error, 0);
}

// Two answers to each of four documents tell little more than one.
TEST(SummarizeScores, ErrorsAreClusteredByDocument) {
  QualityPlan apart, together;
  for (const char* document : {"a", "a", "b", "b", "c", "c", "d", "d"}) {
    apart.questions.push_back({.item = {.capability = "x", .grader = &kExactMatch}});
    together.questions.push_back(
        {.item = {.capability = "x", .document = document, .grader = &kExactMatch}});
  }
  const std::vector<QuestionScore> now{{0, {.2}}, {0, {.2}}, {1, {.9}}, {1, {.9}},
                                       {1, {.9}}, {1, {.9}}, {1, {.9}}, {1, {.9}}},
      before(8, {1, {.9}});
  Quality a, b;
  summarize_scores(apart, now, before, a);
  summarize_scores(together, now, before, b);
  const double times = std::sqrt(2 * 7 / 6.0);
  const Capability &alone = a.capabilities[0], &grouped = b.capabilities[0];
  EXPECT_EQ(grouped.drop, alone.drop);
  EXPECT_NEAR(grouped.standard_error, times * alone.standard_error, 1e-12);
  EXPECT_NEAR(grouped.drop_standard_error, times * alone.drop_standard_error, 1e-12);
  EXPECT_NEAR(grouped.likelihood_drop_standard_error, times * alone.likelihood_drop_standard_error,
              1e-12);
  EXPECT_NE(apart.hash(), together.hash());
}

// What full precision is not sure of does not count, be the answer right or wrong.
TEST(SummarizeScores, OwnChoicesAreThoseOfFullPrecision) {
  QualityPlan plan;
  for (const char* name : {"a", "a", "a", "a", "b"})
    plan.questions.push_back({.item = {.capability = name, .grader = &kOwnChoice}});
  Quality q;
  summarize_scores(plan, graded({2, 0.5, 3, 1, 2}), graded({2, 0, 1, 1.5, 0.5}), q);
  ASSERT_EQ(q.capabilities.size(), 1u);
  EXPECT_EQ(q.capabilities[0].items, 3);
  EXPECT_EQ(q.capabilities[0].broken, 1);
  EXPECT_EQ(q.capabilities[0].mended, 0);
  EXPECT_DOUBLE_EQ(q.capabilities[0].reference_accuracy, 1);
  EXPECT_DOUBLE_EQ(q.capabilities[0].accuracy, 2 / 3.0);
}

TEST(QualitySignature, HoldsTheQualityKnobsAndNoOthers) {
  const Target target{this_machine(), open_model(kDemoModel)->shape()};
  const DeployConfig config = default_config(target);
  const std::string signature = quality_signature(config);
  std::set<std::string> signatures{signature};
  std::size_t other = 1;
  for_each_knob([&](const auto& knob) {
    for (const auto& choice : knob.choices(target)) {
      DeployConfig changed = config;
      changed.*knob.field = choice;
      if (changed == config) continue;
      if (knob.effect == Effect::quality) {
        signatures.insert(quality_signature(changed)), ++other;
      } else {
        EXPECT_EQ(quality_signature(changed), signature) << knob.name;
      }
    }
  });
  EXPECT_EQ(signatures.size(), other);
  EXPECT_NE(signature.find(R"({"weights":"all=bf16",)"), std::string::npos) << signature;
  EXPECT_NE(quality_key("m", config, "p", "b"), quality_key("m", config, "p", "c"));
  EXPECT_NE(quality_key("m", config, "pb", ""), quality_key("m", config, "p", "b"));
}

}  // namespace
}  // namespace paretune
