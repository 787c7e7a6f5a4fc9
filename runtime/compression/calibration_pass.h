// The pass over everything that a model is calibrated on: all sequences together, so that a layer
// is done before the next begins.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/engine/kv_pool.h"
#include "runtime/engine/model.h"
#include "runtime/engine/segment.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/model/model_shape.h"

namespace paretune {

class PackCache;

// How models run in it: as stored (bf16), activations and, where there is room, KV cache in f32.
DeployConfig calibration_config(const ModelShape& shape);

// The texts of the model's source and, where these are fewer tokens than Calibration wants, samples
// of its own (self_samples.h).
std::vector<std::vector<int>> calibration_sequences(const Model& model, const DeployConfig& config,
                                                    ThreadPool& pool, PackCache* packs);

class CalibrationPass {
 public:
  // shape: that of the models to run. sequences must outlive it.
  CalibrationPass(const ModelShape& shape, const DeployConfig& config,
                  std::span<const std::vector<int>> sequences);

  // workspace.observer sees every matrix's inputs, a row for each token; afterwards workspace.x
  // holds what the last layer made of each.
  void run(const Model& model, ThreadPool& pool, Workspace& workspace) const {
    model.forward(segments_, Phase::prefill, pool, workspace);
  }

 private:
  KvPool kv_;
  std::vector<std::vector<std::vector<std::byte*>>> pages_;  // [sequence][layer][page]
  std::vector<Segment> segments_;
};

}  // namespace paretune
