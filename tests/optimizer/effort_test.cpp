#include "optimizer/effort.h"

#include <gtest/gtest.h>

#include "tests/runtime/engine/demo_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

TEST(Effort, TheDemoIsMeasuredInFull) {
  Target target = demo_target();
  target.machine.cores = 2;
  for (const char* file : {"workloads/demo/chat.json", "workloads/rag.json"}) {
    const Workload workload = load_workload(file);
    const Effort effort = fit_to_budget(workload, target);
    EXPECT_EQ(effort.change, "");
    EXPECT_EQ(effort.workload, workload);
  }
}

TEST(Effort, ALargeModelIsMeasuredOnLess) {
  Target target = demo_target();
  target.machine.cores = 2;
  target.model.d_model *= 8, target.model.d_ff *= 8, target.model.n_layers *= 2;
  Workload workload = load_workload("workloads/chat.json");
  workload.budget.minutes = 20;
  const Effort effort = fit_to_budget(workload, target);
  EXPECT_LT(effort.workload.num_requests, workload.num_requests);
  EXPECT_GE(effort.workload.num_requests, 16);
  EXPECT_LT(effort.workload.warmup_requests, workload.warmup_requests);
  EXPECT_LT(effort.workload.quality.max_questions.value_or(128), 128);
  EXPECT_NE(effort.change.find("instead of 128"), std::string::npos) << effort.change;
  EXPECT_EQ(fit_to_budget(effort.workload, target).workload, effort.workload);
  workload.budget.minutes = 100'000;
  EXPECT_EQ(fit_to_budget(workload, target).workload, workload);
}

}  // namespace
}  // namespace paretune
