// The recommended config as `serve` takes it, with what the study measured of it.
#include <cmath>

#include "reports/facts.h"
#include "reports/report.h"
#include "reports/text.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/deployment.h"

namespace paretune {

std::string calibration_json(const Study& study) {
  return study.calibration.empty() || deploy_json(study).empty() ? "" : to_json(study.calibration);
}

std::string deploy_json(const Study& study) {
  const Trial* trial = picked(study, "recommended");
  if (!trial || !ran(*trial)) return "";
  Deployment deployment{.model_path = study.model_path,
                        .model_hash = study.model_hash,
                        .machine_fingerprint = study.machine.fingerprint,
                        .machine_cpu = clean_utf8(study.machine.cpu),
                        .config = trial->config,
                        .kernels = used_by(study.kernels, trial->config, study.model),
                        .study = clean_utf8(cat({study.workload.name, " ", study.id})),
                        .build = clean_utf8(study.build)};
  if (!study.calibration.empty()) {
    deployment.calibration_path = "calibration.json";
    deployment.calibration_hash = calibration_hash(study.calibration);
  }
  // What held when it was measured again counts for more than what the search saw: the verified
  // rate may be the lower one.
  if (study.verification.done && study.verification.trial == trial->id) {
    for (const VerifiedMetric& metric : study.verification.metrics) {
      if (std::isfinite(metric.verified)) deployment.promised.emplace(metric.name, metric.verified);
    }
    return to_json(deployment);
  }
  for (const TrialColumn& column : trial_columns()) {
    const double value = column.value(*trial);
    if (std::isfinite(value)) deployment.promised.emplace(column.name, value);
  }
  return to_json(deployment);
}

}  // namespace paretune
