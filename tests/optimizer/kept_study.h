// Studies as `tune` leaves them: those of sample_study.h, judged, of a workload that can be read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "optimizer/judge.h"
#include "optimizer/study_json.h"
#include "tests/reports/sample_study.h"
#include "workloads/workload_json.h"

namespace paretune {

inline Study kept(Study study) {
  study.workload = load_workload("workloads/demo/chat.json");
  study.workload_json = canonical_json(study.workload);
  study.latency_objective = latency_objective_name(study.workload);
  study.model.rope_inverse_frequencies = {1.0f, 0.1f, 0.333f};
  study.machine.physical_cores = 1;
  study.proposals = {{parse_policy("linear=int4_g32:gptq", "sample"), 0.01, 0.1 + 0.2, 12345}};
  const bool verified = study.find_pick("recommended") != nullptr;
  for (Trial& trial : study.trials) {
    LoadRun& run = trial.measurement.speed.at_workload;
    run.meets_slo = study.feasible;
    if (!study.feasible) run.missed = "tpot_ms p95 = 30 > 25";
    judge_trial(trial, study.workload);
  }
  study.picks.clear();
  if (study.trials.size() > 6) {  // measured again; one failed then
    for (const std::size_t id : {2u, 5u})
      study.trials[id].searched = {0.1 + 0.2, 77, study.trials[id].objectives.kl_divergence};
    study.trials[5].feasible = false;
    study.trials[5].violations = {"failed when it was measured again"};
  }
  if (!study.trials.empty()) conclude(study);
  if (verified) {
    study.gates.push_back({study.picks.front().trial,
                           {.verdict = GateVerdict::passed,
                            .capabilities = {{.name = "sort", .items = 50, .accuracy = 0.9}},
                            .reason = "every capability is within its margin",
                            .looks = 2}});
    study.verification.measurement = study.trials.front().measurement;
    study.picks = make_picks(study);
  }
  return study;
}

inline Study kept_study() { return kept(sample_study()); }

inline std::vector<std::pair<std::string, Study>> kept_studies() {
  std::vector<std::pair<std::string, Study>> out;
  for (auto& [name, study] : sample_studies()) out.emplace_back(name, kept(std::move(study)));
  return out;
}

inline std::vector<std::string> trial_texts(const Study& study) {
  std::vector<std::string> out;
  for (const Trial& trial : study.trials) out.push_back(trial_json(trial, study.workload));
  return out;
}

}  // namespace paretune
