// The recommended config as `serve` takes it, with what the study measured of it.
#include <cmath>

#include "reports/facts.h"
#include "reports/report.h"
#include "reports/text.h"
#include "runtime/deployment.h"

namespace paretune {

std::string deploy_json(const Study& study) {
  const Trial* trial = picked(study, "recommended");
  if (!trial || !ran(*trial)) return "";
  Deployment deployment{.model_path = study.model_path,
                        .model_hash = study.model_hash,
                        .machine_fingerprint = study.machine.fingerprint,
                        .machine_cpu = clean_utf8(study.machine.cpu),
                        .config = trial->config,
                        .study = clean_utf8(cat({study.workload.name, " ", study.id})),
                        .build = clean_utf8(study.build)};
  for (const TrialColumn& column : trial_columns()) {
    const double value = column.value(*trial);
    if (std::isfinite(value)) deployment.promised.emplace(column.name, value);
  }
  return to_json(deployment);
}

}  // namespace paretune
