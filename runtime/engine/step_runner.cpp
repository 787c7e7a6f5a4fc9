#include "runtime/engine/step_runner.h"

#include <algorithm>
#include <cmath>

#include "runtime/engine/model.h"

namespace paretune {
namespace {

class ModelRunner final : public StepRunner {
 public:
  ModelRunner(const Model& model, ThreadPool& pool) : model_(model), pool_(pool) {}

  const ModelShape& shape() const override { return model_.shape(); }
  std::span<const int> end_tokens() const override { return model_.source().tokenizer().eog_ids; }
  int cached_layers() const override { return shape().n_layers; }
  void run(std::span<const Segment> segments, Phase phase) override {
    logits_ = model_.forward(segments, phase, pool_, workspace_);
  }
  Sampler::Choice next_token(Sampler& sampler) override { return sampler.pick(next_logits()); }
  double logprob(int token) override {
    const std::span<const float> logits = next_logits();
    const double most = *std::ranges::max_element(logits);
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit - most);
    return logits[static_cast<std::size_t>(token)] - most - std::log(sum);
  }

 private:
  std::span<const float> next_logits() {
    const auto vocab = static_cast<std::size_t>(shape().vocab_size);
    const std::span<const float> logits = logits_.first(vocab);
    logits_ = logits_.subspan(vocab);
    return logits;
  }

  const Model& model_;
  ThreadPool& pool_;
  Workspace workspace_;
  std::span<const float> logits_;  // that no call has taken; in workspace_
};

}  // namespace

std::unique_ptr<StepRunner> model_runner(const Model& model, ThreadPool& pool) {
  return std::make_unique<ModelRunner>(model, pool);
}

}  // namespace paretune
