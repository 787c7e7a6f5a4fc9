#include "profiles/quality.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <map>
#include <stdexcept>

#include "profiles/digest.h"
#include "profiles/statistics.h"
#include "profiles/text_comparison.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "runtime/engine/scorer.h"
#include "runtime/tokenizer/stream_decoder.h"

namespace paretune {
namespace {

// Of the prompts that the cache keeps from answering to rating, in tokens.
constexpr int kKeptTokens = 8192;

// With steps large enough that answers do not wait for each other, and prompts that are run once.
// None of these knobs changes the arithmetic of a token but for rounding.
DeployConfig roomy(DeployConfig config, const QualityPlan& plan) {
  int longest = 1;
  for (const QualityQuestion& question : plan.questions) {
    const int rated = question.answer ? int(question.answer->tokens.size()) : 0;
    longest = std::max({longest, int(question.prompt.size()) + question.max_tokens, rated});
  }
  config.max_batch_size = std::max(config.max_batch_size, 16);
  config.prefill_chunk = std::max(config.prefill_chunk, 256);
  config.kv_cache_tokens =
      std::max(config.kv_cache_tokens, config.max_batch_size * (longest + config.kv_page_tokens));
  config.kv_cache_tokens += kKeptTokens;
  config.prefix_caching = true;
  return config;
}

constexpr const char* kNotFinite =
    "the model's logits are not finite: this config breaks the model";

void normalize(std::span<const float> logits, std::span<float> logprobs) {
  if (!log_softmax(logits, logprobs)) throw std::runtime_error(kNotFinite);
}

// Calls visit(token, logprobs) for the prediction of every token of the documents but their first.
template <class Visit>
void predict(Scorer& scorer, const ModelShape& shape, std::span<const QualityDocument> documents,
             Visit visit) {
  std::vector<float> logprobs(std::size_t(shape.vocab_size));
  for (const QualityDocument& document : documents)
    scorer.score(std::span(document).first(document.size() - 1), 0,
                 [&](int i, std::span<const float> logits) {
                   normalize(logits, logprobs);
                   visit(document[std::size_t(i) + 1], std::span<const float>(logprobs));
                 });
}

constexpr int kDecodedTexts = 16, kDecodedTokens = 8;
// Of the texts that are decoded; every fourth keeps more, for what attention does in long contexts.
constexpr std::size_t kMostContext = 32, kLongContext = 384;

// Sum of the log-probabilities of each choice's tokens.
std::vector<double> rate_choices(Scorer& scorer, const ModelShape& shape,
                                 std::span<const QualityChoice> choices) {
  std::vector<double> sums;
  std::vector<float> logprobs(std::size_t(shape.vocab_size));
  for (const QualityChoice& choice : choices) {
    double sum = 0;
    const auto known = std::span(choice.tokens).first(choice.tokens.size() - 1);
    scorer.score(known, choice.begin - 1, [&](int i, std::span<const float> logits) {
      normalize(logits, logprobs);
      sum += logprobs[std::size_t(choice.tokens[std::size_t(i) + 1])];
    });
    sums.push_back(sum);
  }
  return sums;
}

struct Answer {
  std::string text;
  std::vector<std::int32_t> tokens;
  double logprob = 0;  // of the right answer, where it is rated
};

// Of an answer whose score is settled: enough to see where it parts from full precision's.
constexpr std::size_t kLeastAnswerTokens = 16;

void submit(Engine& engine, const QualityQuestion& question, Request request) {
  if (const std::string reason = engine.refuse_reason(request); !reason.empty())
    throw std::runtime_error("question " + question.item.id + ": " + reason);
  engine.submit(std::move(request));
}

// Greedy. A model may ramble on until it is stopped: once the score is settled, nobody waits for
// the rest.
void answer(Engine& engine, const Tokenizer& tokenizer, std::span<const QualityQuestion> questions,
            std::span<Answer> answers) {
  std::vector<StreamDecoder> decoders(questions.size(), StreamDecoder(tokenizer));
  std::vector<bool> cut(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!questions[i].item.grader->score) continue;
    submit(engine, questions[i],
           {.id = i,
            .prompt = questions[i].prompt,
            .sampling = {.max_tokens = questions[i].max_tokens}});
  }
  while (!engine.idle())
    for (const TokenEvent& event : engine.step()) {
      const std::size_t i = std::size_t(event.request_id);
      if (cut[i]) continue;
      answers[i].tokens.push_back(event.token);
      if (event.finish != FinishReason::stop) answers[i].text += decoders[i].push(event.token);
      if (event.finish != FinishReason::none) answers[i].text += decoders[i].finish();
      const EvalItem& item = questions[i].item;
      cut[i] = event.finish == FinishReason::none && item.grader->settled &&
               answers[i].tokens.size() >= kLeastAnswerTokens &&
               item.grader->settled(item, answers[i].text);
      if (cut[i]) engine.cancel(event.request_id);
    }
}

void rate_answers(Engine& engine, std::span<const QualityQuestion> questions,
                  std::span<Answer> answers) {
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (!questions[i].item.grader->score || !questions[i].answer) continue;
    const auto& [tokens, begin] = *questions[i].answer;
    if (begin == int(tokens.size())) continue;  // an empty answer is no token
    submit(engine, questions[i],
           {.id = i,
            .prompt = {tokens.begin(), tokens.end() - 1},
            .rated = {tokens.begin() + begin, tokens.end()}});
  }
  while (!engine.idle())
    for (const TokenEvent& event : engine.step()) {
      if (!std::isfinite(event.logprob)) throw std::runtime_error(kNotFinite);
      answers[std::size_t(event.request_id)].logprob = event.logprob;
    }
}

// What the model says to each question that wants its own words, and how likely the right answer's
// wording is; nothing for the others. In batched runs of as many questions as the cache keeps the
// prompts of, so that each is run once.
std::vector<Answer> answer_all(const LoadedModel& model, const DeployConfig& config,
                               const QualityPlan& plan) {
  Engine engine(model_runner(*model.model, *model.pool), config);
  std::vector<Answer> answers(plan.questions.size());
  for (std::size_t begin = 0; begin < plan.questions.size();) {
    std::size_t end = begin;
    for (int tokens = 0; end < plan.questions.size(); ++end) {
      tokens += int(plan.questions[end].prompt.size()) + config.kv_page_tokens;
      if (end > begin && tokens > kKeptTokens) break;
    }
    const auto questions = std::span(plan.questions).subspan(begin, end - begin);
    const auto together = std::span(answers).subspan(begin, end - begin);
    answer(engine, *model.tokenizer, questions, together);
    rate_answers(engine, questions, together);
    begin = end;
  }
  return answers;
}

std::vector<double> softmax(std::vector<double> logprobs) {
  const double most = std::ranges::max(logprobs);
  double sum = 0;
  for (double& p : logprobs) sum += p = std::exp(p - most);
  for (double& p : logprobs) p /= sum;
  return logprobs;
}

// Twice as likely as any other.
bool sure(std::vector<double> logprobs) {
  std::ranges::sort(logprobs, std::greater<>());
  return logprobs.size() < 2 || logprobs[0] - logprobs[1] >= std::log(2.0);
}

// As score_questions.
std::vector<QuestionScore> grade(const LoadedModel& model, const QualityPlan& plan,
                                 std::span<const Answer> answers, Scorer& scorer) {
  const ModelShape& shape = model.model->shape();
  std::vector<QuestionScore> scores;
  for (std::size_t i = 0; i < plan.questions.size(); ++i) {
    const QualityQuestion& question = plan.questions[i];
    const Grader& grader = *question.item.grader;
    QuestionScore& score = scores.emplace_back();
    if (grader.score) {
      score.score = grader.score(question.item, answers[i].text);
      if (question.answer) score.likelihoods = {std::exp(answers[i].logprob)};
      continue;
    }
    const std::vector<double> logprobs = rate_choices(scorer, shape, question.choices);
    const int choice = grader.choose(question.item, logprobs);
    score.score = &grader == &kOwnChoice ? choice + (sure(logprobs) ? 0 : 0.5)
                                         : choice == question.item.correct_choice;
    score.likelihoods = softmax(logprobs);
  }
  return scores;
}

// Where greedy answers part from full precision's.
void compare_answers(std::span<const Answer> answers, const QualityReference& reference,
                     Quality& quality) {
  std::vector<double> divergent;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::span<const std::int32_t> before = reference.answer(i);
    if (before.empty()) continue;
    ++quality.answers;
    const auto parted = std::ranges::mismatch(before, answers[i].tokens);
    if (parted.in1 != before.end() || parted.in2 != answers[i].tokens.end())
      divergent.push_back(double(parted.in1 - before.begin()));
  }
  if (quality.answers == 0) return;
  quality.same_answers_fraction = 1 - double(divergent.size()) / quality.answers;
  std::ranges::sort(divergent);
  if (!divergent.empty()) quality.first_divergent_token = percentile(divergent, 0.5).value;
}

}  // namespace

DeployConfig full_precision_config(const Target& target) {
  DeployConfig config = default_config(target);
  config.weights = uniform_policy(kAllKinds, {&kF32}, {&kF32});
  config.activations.name = "f32";
  config.kv_cache = &kKvF32;
  return canonical(config, target);
}

QualityReference measure_reference(const LoadedModel& model, const DeployConfig& config,
                                   const QualityPlan& plan, std::size_t max_bytes) {
  const DeployConfig run = roomy(config, plan);
  const ModelShape& shape = model.model->shape();
  Scorer scorer(*model.model, run, *model.pool);
  const std::size_t rows = plan.predicted_tokens();
  QualityReference reference{.plan_hash = plan.hash(),
                             .vocab_size = shape.vocab_size,
                             .kept = kept_continuations(rows, shape.vocab_size, max_bytes)};
  reference.logprobs.reserve(rows * std::size_t(reference.kept));
  predict(scorer, shape, plan.documents, [&](int target, std::span<const float> logprobs) {
    append_row(reference, logprobs, target);
  });
  const std::vector<Answer> answers = answer_all(model, run, plan);
  set_scores(reference, grade(model, plan, answers, scorer));
  for (const Answer& answer : answers) {
    reference.answer_tokens.insert(reference.answer_tokens.end(), answer.tokens.begin(),
                                   answer.tokens.end());
    reference.answer_ends.push_back(std::uint32_t(reference.answer_tokens.size()));
  }
  return reference;
}

Quality measure_quality(const LoadedModel& model, const DeployConfig& config,
                        const QualityPlan& plan, const QualityReference& reference) {
  assert(reference.rows() == plan.predicted_tokens() &&
         reference.scores.size() == plan.questions.size());
  const DeployConfig run = roomy(config, plan);
  const ModelShape& shape = model.model->shape();
  Scorer scorer(*model.model, run, *model.pool);
  TextSample text{.sources = plan.sources};
  text.tokens.reserve(reference.rows());
  predict(scorer, shape, plan.documents, [&](int target, std::span<const float> logprobs) {
    text.tokens.push_back(compare_token(reference, text.tokens.size(), logprobs, target));
  });
  for (const QualityDocument& document : plan.documents)
    text.document_tokens.push_back(int(document.size()) - 1);
  Quality quality;
  summarize_text(text, quality);
  const std::vector<Answer> answers = answer_all(model, run, plan);
  compare_answers(answers, reference, quality);
  summarize_scores(plan, grade(model, plan, answers, scorer), scores_of(reference), quality);
  if (!reference.noise_floor.empty()) quality.kl_noise_floor = reference.noise_floor[0];
  return quality;
}

void measure_decoding(const LoadedModel& model, const DeployConfig& config, const QualityPlan& plan,
                      const QualityReference& reference, Quality& quality) {
  const ModelShape& shape = model.model->shape();
  std::vector<std::span<const int>> texts;
  std::vector<std::size_t> first_rows;
  std::vector<int> sources;
  std::size_t row = 0;
  for (std::size_t d = 0; d < plan.documents.size(); ++d) {
    const QualityDocument& document = plan.documents[d];
    const std::size_t predicted = document.size() - 1;
    if (predicted >= 2 * kDecodedTokens && int(texts.size()) < kDecodedTexts) {
      const std::size_t most = texts.size() % 4 == 3 ? kLongContext : kMostContext;
      texts.push_back(std::span(document).first(std::min(predicted, most)));
      first_rows.push_back(row);
      sources.push_back(plan.sources[d]);
    }
    row += predicted;
  }
  if (texts.empty()) return;
  const std::vector<int> clusters = text_clusters(sources);
  std::map<int, Cluster> added;
  for (const int cluster : clusters) added[cluster].count += kDecodedTokens;
  std::vector<float> logprobs(std::size_t(shape.vocab_size));
  const auto add = [&](std::size_t text, int i, std::span<const float> logits, double sign) {
    normalize(logits, logprobs);
    // A text is the beginning of its document, which goes on by one token at least.
    const int target = texts[text].data()[i + 1];
    added[clusters[text]].sum +=
        sign *
        compare_token(reference, first_rows[text] + std::size_t(i), logprobs, target).kl_divergence;
  };
  Scorer scorer(*model.model, roomy(config, {}), *model.pool);
  for (std::size_t t = 0; t < texts.size(); ++t) {
    scorer.score(texts[t], int(texts[t].size()) - kDecodedTokens,
                 [&](int i, std::span<const float> logits) { add(t, i, logits, -1); });
  }
  const std::size_t batch = std::size_t(std::clamp(config.max_batch_size, 1, kDecodedTexts));
  for (std::size_t first = 0; first < texts.size(); first += batch) {
    const auto group = std::span(texts).subspan(first, std::min(batch, texts.size() - first));
    scorer.decode(group, kDecodedTokens, [&](int text, int i, std::span<const float> logits) {
      add(first + std::size_t(text), i, logits, 1);
    });
  }
  std::vector<Cluster> all;
  for (const auto& [name, cluster] : added) all.push_back(cluster);
  const Mean mean = clustered_mean(all);
  quality.kl_added_by_decoding = mean.value;
  quality.kl_added_by_decoding_standard_error =
      std::isfinite(mean.standard_error) ? mean.standard_error : std::abs(mean.value);
}

std::vector<QuestionScore> score_questions(const LoadedModel& model, const DeployConfig& config,
                                           const QualityPlan& plan) {
  const DeployConfig run = roomy(config, plan);
  Scorer scorer(*model.model, run, *model.pool);
  return grade(model, plan, answer_all(model, run, plan), scorer);
}

TextSample sample_text(const LoadedModel& model, const DeployConfig& config,
                       const QualityPlan& plan, const QualityReference& reference,
                       std::size_t max_tokens) {
  // No document gives more than that part: of one alone no error can be told.
  constexpr std::size_t kFewest = 4;
  const std::size_t all = plan.predicted_tokens(), most = max_tokens / kFewest + 1;
  TextSample sample;
  std::vector<QualityDocument> documents;
  std::vector<std::size_t> first_row;
  std::size_t seen = 0, taken = 0;
  for (std::size_t i = 0; i < plan.documents.size(); ++i) {
    const QualityDocument& document = plan.documents[i];
    // As many of those seen so far as of all.
    if (taken * all <= seen * max_tokens) {
      const std::size_t n = std::min(document.size() - 1, most);
      documents.emplace_back(document.begin(), document.begin() + std::ptrdiff_t(n) + 1);
      sample.document_tokens.push_back(int(n));
      sample.sources.push_back(plan.sources[i]);
      first_row.push_back(seen);
      taken += n;
    }
    seen += document.size() - 1;
  }
  const DeployConfig run = roomy(config, {});
  Scorer scorer(*model.model, run, *model.pool);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    std::size_t row = first_row[i];
    predict(scorer, model.model->shape(), std::span(documents).subspan(i, 1),
            [&](int target, std::span<const float> logprobs) {
              sample.tokens.push_back(compare_token(reference, row++, logprobs, target));
            });
  }
  return sample;
}

std::string quality_signature(const DeployConfig& config) {
  std::string json;
  for_each_knob([&](const auto& knob) {
    if (knob.effect != Effect::quality) return;
    json += (json.empty() ? "{\"" : ",\"") + std::string(knob.name) + "\":\"" +
            knob_text(config, knob.name) + '"';
  });
  return json + '}';
}

std::string quality_key(const std::string& model_hash, const DeployConfig& config,
                        const std::string& plan_hash, const std::string& build) {
  return digest({"quality", model_hash, quality_signature(config), plan_hash, build});
}

}  // namespace paretune
