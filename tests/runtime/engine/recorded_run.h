// What a deployment does with a few texts, in full: the steps that its engine takes, and the logits
// after every token. Each text's first tokens are a request's prompt; what is generated is forced
// to the rest of it, so that deployments which would say something else can still be compared.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/loaded_model.h"
#include "tests/runtime/engine/demo_model.h"

namespace paretune {

struct ScriptedText {
  std::vector<int> tokens;
  int prompt_tokens = 0;
  int step = 0;  // that it arrives before, if anything still runs then
};

struct RecordedStep {
  Phase phase = Phase::prefill;
  std::vector<std::pair<int, int>> segments;  // tokens in the cache, tokens run
  bool operator==(const RecordedStep&) const = default;
};

struct RecordedRun {
  std::vector<RecordedStep> steps;
  std::map<std::vector<int>, std::vector<float>> logits;  // by the tokens that they follow
};

class RecordingRunner final : public StepRunner {
 public:
  RecordingRunner(const LoadedModel& model, std::span<const ScriptedText> texts, RecordedRun& run)
      : model_(model), texts_(texts), run_(run) {}

  const ModelShape& shape() const override { return model_.model->shape(); }
  std::span<const int> end_tokens() const override { return {}; }
  int cached_layers() const override { return shape().n_layers; }

  void run(std::span<const Segment> segments, Phase phase) override {
    std::vector<Segment> all(segments.begin(), segments.end());
    for (Segment& segment : all) segment.logits_from = 0;
    std::span<const float> logits = model_.model->forward(all, phase, *model_.pool, workspace_);
    const auto vocab = static_cast<std::size_t>(shape().vocab_size);
    RecordedStep& step = run_.steps.emplace_back();
    step.phase = phase;
    next_.clear();
    for (const Segment& segment : segments) {
      const int n = static_cast<int>(segment.tokens.size());
      step.segments.emplace_back(segment.past, n);
      // The engine keeps a sequence's tokens together, so what was cached lies before the segment.
      std::vector<int> context(segment.tokens.data() - segment.past, segment.tokens.data());
      for (const int token : segment.tokens) {
        context.push_back(token);
        run_.logits[context].assign(logits.begin(), logits.begin() + std::ptrdiff_t(vocab));
        logits = logits.subspan(vocab);
      }
      if (segment.logits_from < n) next_.push_back(after(context));
    }
    taken_ = 0;
  }
  Sampler::Choice next_token(Sampler&) override { return {.token = next_[taken_++]}; }
  double logprob(int) override { return 0; }

 private:
  int after(std::span<const int> context) const {
    for (const ScriptedText& text : texts_) {
      if (text.tokens.size() > context.size() &&
          std::ranges::equal(context, std::span(text.tokens).first(context.size())))
        return text.tokens[context.size()];
    }
    throw std::logic_error("a context that no text begins with");
  }

  const LoadedModel& model_;
  std::span<const ScriptedText> texts_;
  RecordedRun& run_;
  Workspace workspace_;
  std::vector<int> next_;  // of the segments that wanted logits
  std::size_t taken_ = 0;
};

// No text's prompt is the beginning of another's.
inline RecordedRun recorded_run(const LoadedModel& model, const DeployConfig& config,
                                std::span<const ScriptedText> texts) {
  RecordedRun run;
  Engine engine(std::make_unique<RecordingRunner>(model, texts, run), config);
  std::size_t submitted = 0;
  while (submitted < texts.size() || !engine.idle()) {
    while (submitted < texts.size() &&
           (engine.idle() || texts[submitted].step <= static_cast<int>(run.steps.size()))) {
      const ScriptedText& text = texts[submitted++];
      const int generated = static_cast<int>(text.tokens.size()) - text.prompt_tokens;
      engine.submit({.id = submitted,
                     .prompt = {text.tokens.begin(), text.tokens.begin() + text.prompt_tokens},
                     .sampling = {.max_tokens = generated, .ignore_eos = true}});
    }
    engine.step();
  }
  return run;
}

// Prompts that are long and short, that come while others are answered, and one that begins as
// another did, for longer than a page.
inline std::vector<ScriptedText> demo_texts() {
  std::vector<int> all;
  for (const auto& item : golden_items()) {
    for (const char* part : {"ids", "greedy_ids"}) {
      const auto ids = item[part].get<std::vector<int>>();
      all.insert(all.end(), ids.begin(), ids.end());
    }
  }
  const auto piece = [&](int from, int n) {
    return std::vector<int>(all.begin() + from, all.begin() + from + n);
  };
  std::vector<int> alike = piece(0, 70);
  for (const int token : piece(200, 20)) alike.push_back(token);
  return {{piece(0, 90), 84, 0}, {piece(100, 30), 22, 0}, {alike, 84, 4}, {piece(300, 20), 12, 5}};
}

// KL(a || b), mean over all contexts; the largest of their errors.
struct RunDifference {
  double divergence = 0;
  float error = 0;
};
inline RunDifference difference(const RecordedRun& a, const RecordedRun& b) {
  RunDifference total;
  for (const auto& [context, logits] : a.logits) {
    const std::vector<float>& others = b.logits.at(context);
    total.divergence += divergence(logits, others) / double(a.logits.size());
    total.error = std::max(total.error, largest_error(others, logits));
  }
  return total;
}

}  // namespace paretune
