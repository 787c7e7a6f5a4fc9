// Step costs and a workload that a reader can check by hand.
#pragma once

#include "profiles/cost_model/step_cost.h"
#include "workloads/requests.h"
#include "workloads/workload.h"

namespace paretune {

// A decode step takes 1 ms and 0.1 ms a token, one with prompts 2 ms and 0.05 ms a token, each a
// microsecond for every position looked at.
inline StepCost planted_cost() {
  StepCost cost;
  PhaseCost& prefill = cost.phases[static_cast<std::size_t>(Phase::prefill)];
  PhaseCost& decode = cost.phases[static_cast<std::size_t>(Phase::decode)];
  decode.add_table(kRowsAt, [](int m) { return 1e-3 + 1e-4 * m; });
  prefill.add_table(kRowsAt, [](int m) { return 2e-3 + 5e-5 * m; });
  for (PhaseCost* phase : {&prefill, &decode})
    (*phase)[kSingleContextAt] = (*phase)[kChunkPairsAt] = 1e-6;
  return cost;
}

inline Workload short_requests() {
  Workload w;
  w.traffic = {{.name = "t",
                .input_seq_len = {.law = &kUniformLength, .min = 4, .max = 60},
                .output_seq_len = {.law = &kUniformLength, .min = 1, .max = 12}}};
  w.arrival.process = &kPoisson;
  w.num_requests = 24;
  w.warmup_requests = 3;
  return w;
}

}  // namespace paretune
