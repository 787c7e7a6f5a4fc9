// What is predicted of a config before it is tried: speeds by the calibrated cost model, quality by
// what its parts lose alone. The search takes it as its prior and learns how far to believe
// it; a report shows it beside what was measured.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "optimizer/config_space.h"
#include "optimizer/study.h"
#include "profiles/calibrated_costs.h"
#include "profiles/cost_model/speed_predictor.h"
#include "search/strategy.h"

namespace paretune {

// kl_divergence: nullopt: not known.
Prediction prediction_of(const SpeedEstimate& estimate, std::optional<double> kl_divergence,
                         const Workload& workload);

// As it is in view of how far the predictions of these trials were off: cost and KL divergence
// times the geometric mean of measured over predicted, with one more trial that was as predicted.
Prediction corrected(Prediction prediction, std::span<const Trial> trials);

// As search_scores would tell a trial that measured just this. A component of what is not known is
// NaN.
Judged predicted_scores(const Prediction& prediction, const Workload& workload);

// What was measured of parts alone.
struct QualityLosses {
  std::vector<Sensitivity> weights;
  std::vector<KnobLoss> knobs;
  KindSizes open;  // the kinds of layers that were measured
  std::vector<LayerLoss> layers = {};
};
QualityLosses losses_of(const Study& study);

// Small losses add up. nullopt: one of the config's was not measured.
std::optional<double> predicted_kl(const DeployConfig& config, const QualityLosses& losses);

class Prior {
 public:
  // vocabulary must outlive it.
  Prior(const FittedCosts& costs, const Workload& workload, QualityLosses losses,
        std::span<const std::int32_t> vocabulary);

  // Under the load of a workload that differs from the constructor's in its rate alone; nullopt
  // where it has none yet. Pure.
  std::optional<Prediction> predict(const DeployConfig& config, const Workload& rated);

 private:
  SpeedPredictor speeds_;
  QualityLosses losses_;
};

// Configs for calibrating: distinct points of the space drawn at random, at most `count`.
std::vector<DeployConfig> calibration_candidates(const ConfigSpace& space, int count,
                                                 std::uint64_t seed);

// "calibrated on 23 short runs in 7.1 s; …": how far it was off on those that it was not shown.
std::string cost_model_text(const CalibratedCosts& costs);

}  // namespace paretune
