#include "runtime/engine/step_runner.h"

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
  Sampler::Choice next_token(Sampler& sampler) override {
    const auto vocab = static_cast<std::size_t>(shape().vocab_size);
    const Sampler::Choice choice = sampler.pick(logits_.first(vocab));
    logits_ = logits_.subspan(vocab);
    return choice;
  }

 private:
  const Model& model_;
  ThreadPool& pool_;
  Workspace workspace_;
  std::span<const float> logits_;  // of tokens not yet chosen; in workspace_
};

}  // namespace

std::unique_ptr<StepRunner> model_runner(const Model& model, ThreadPool& pool) {
  return std::make_unique<ModelRunner>(model, pool);
}

}  // namespace paretune
