// What a deployment is tuned for: one machine and one model.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "runtime/compression/policy.h"
#include "runtime/model/model_source.h"

namespace paretune {

struct Machine {
  std::string cpu;  // the brand string
  int cores = 1;    // hardware threads usable by this process: affinity mask and cgroup quota
  int physical_cores = 1;          // of those: two hardware threads of one core count once
  std::uint64_t memory_bytes = 0;  // usable: physical or cgroup limit, whichever is less
  std::string isa;  // "avx2 avx512 avx512_vnni …": what kernels may use here, the cap included
  std::string
      fingerprint;  // hash of the above: measurements of one machine never pass as another's
};

Machine this_machine();

struct Target {
  Machine machine;
  ModelShape model;
  // What a search may compress, and the policies it chooses among; none: those that treat all of it
  // alike. Output projections, output head and embeddings cost the most quality where they break.
  std::vector<LayerKind> open_layers{LayerKind::qkv, LayerKind::gate_up};
  std::vector<Policy> policies;
  // What compressing the whole model one way may take; what takes longer is not tried.
  double pack_seconds = std::numeric_limits<double>::infinity();
  // Whether gathering statistics of inputs does not take longer either (InputStatistics); else what
  // wants them is not searched, unless a workload's space names it.
  bool calibrates = true;
};

}  // namespace paretune
