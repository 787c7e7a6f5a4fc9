// What a step computes. The engine decides which tokens of which sequences a step holds and where
// their cache lies; a runner does the rest. ModelRunner runs the model; a simulation lets time pass
// (profiles/cost_model), so that what it simulates is the engine itself.
#pragma once

#include <memory>
#include <span>

#include "runtime/engine/sampler.h"
#include "runtime/engine/segment.h"
#include "runtime/model/model_shape.h"

namespace paretune {

class Model;
class ThreadPool;

class StepRunner {
 public:
  virtual ~StepRunner() = default;

  virtual const ModelShape& shape() const = 0;
  virtual std::span<const int> end_tokens() const = 0;  // that end a generation; ascending
  // Layers that the engine keeps pages of keys and values for; 0: nobody reads them.
  virtual int cached_layers() const = 0;

  // One forward pass. Then one of these calls for each token that wanted logits, in order.
  virtual void run(std::span<const Segment> segments, Phase phase) = 0;
  // The token that comes next.
  virtual Sampler::Choice next_token(Sampler& sampler) = 0;
  // Natural log of the probability that this one does; NaN where logits are not finite.
  virtual double logprob(int token) = 0;
};

// model and pool must outlive it.
std::unique_ptr<StepRunner> model_runner(const Model& model, ThreadPool& pool);

}  // namespace paretune
