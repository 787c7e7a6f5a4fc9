// The demo model at full precision, measured on text: what losses are measured against.
#pragma once

#include "profiles/quality.h"
#include "runtime/deployment.h"
#include "tests/runtime/engine/demo_model.h"
#include "workloads/workload_json.h"

namespace paretune {

struct DemoQuality {
  explicit DemoQuality(int text_tokens) {
    Workload workload = load_workload("workloads/demo/chat.json");
    workload.quality.evals.clear();
    plan = plan_quality(workload, target.model, *exact.tokenizer, &*exact.chat,
                        {.text_tokens = text_tokens});
    reference = measure_reference(exact, full, plan);
  }
  Target target = demo_target();
  DeployConfig full = full_precision_config(target);
  LoadedModel exact = load_model(open_model(kDemo), full);
  QualityPlan plan;
  QualityReference reference;
};

}  // namespace paretune
