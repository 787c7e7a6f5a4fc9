#include "optimizer/tuner.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "optimizer/certified_gap.h"
#include "optimizer/config_space.h"
#include "optimizer/confirm.h"
#include "optimizer/drift.h"
#include "optimizer/expected.h"
#include "optimizer/judge.h"
#include "optimizer/prior.h"
#include "optimizer/start_order.h"
#include "optimizer/starting_points.h"
#include "optimizer/trials.h"
#include "optimizer/verify.h"
#include "profiles/digest.h"
#include "runtime/deployment.h"
#include "search/scouts.h"
#include "search/space.h"
#include "search/strategy.h"
#include "workloads/requests.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

// What comes after the search, and of the budget at most. A config of the front is measured again
// under two loads; verification takes kVerificationRuns at one.
constexpr double kConfirmationShare = 0.1, kMostVerificationShare = 0.25;
constexpr double kLeastVerificationPart = 0.7;
constexpr std::size_t kFewestConfirmed = 4;  // trials

constexpr double kNegligibleRegret = 0.002;  // share of the hypervolume

std::string minutes_text(double minutes) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", minutes);
  return text;
}

std::string study_id(const Workload& workload, const TuneOptions& options,
                     const Profiler& profiler) {
  Workload identity = workload;
  identity.budget = {};  // a study with more time is the same study
  return digest({profiler.model_key(), profiler.target().machine.fingerprint,
                 canonical_json(identity), profiler.build(), options.strategy,
                 std::to_string(options.seed), profiler.quality_plan().hash()});
}

// Of the study's space.
std::vector<Policy> policies_of(const Study& study) {
  const auto weights = std::ranges::find(study.knobs, "weights", &KnobDomain::name);
  std::vector<Policy> policies;
  for (const std::string& choice : weights->choices) {
    DeployConfig config;
    set_knob(config, weights->name, choice, weights->name);
    policies.push_back(config.weights);
  }
  return policies;
}

// The weight formats of the space's policies, or of those that will be proposed, if it asks for
// tuned kernels.
std::vector<const WeightFormat*> formats_to_tune(const Study& study, const Target& target,
                                                 bool proposed) {
  const bool tuned = std::ranges::any_of(study.knobs, [](const KnobDomain& domain) {
    return (domain.name == "prefill_kernel" || domain.name == "decode_kernel") &&
           std::ranges::find(domain.choices, "tuned") != domain.choices.end();
  });
  std::vector<const WeightFormat*> formats;
  if (!tuned) return formats;
  const auto add = [&](const WeightFormat* format) {
    if (std::ranges::find(formats, format) == formats.end()) formats.push_back(format);
  };
  if (proposed) {
    for (const Treatment& treatment : sensitivity_treatments(target)) add(treatment.format);
  } else {
    for (const Policy& policy : policies_of(study)) {
      for (const WeightFormat* format : policy.formats()) add(format);
    }
  }
  return formats;
}

// Kernels are tuned once for a machine, trials are what the user came for.
double kernel_budget_s(const Workload& workload, const TuneOptions& options) {
  return options.kernel_seconds.value_or(std::min(60.0, 0.06 * 60 * workload.budget.minutes));
}

// A slow model's time is better spent on trials.
double loss_budget_s(const Workload& workload, const Target& target) {
  const double budget_s = 60 * workload.budget.minutes;
  const bool slow = loss_tokens(target, 0.15 * budget_s) < 300;  // where each is that poor a sample
  return std::min(600.0, (slow ? 0.08 : 0.15) * budget_s);
}

double calibration_budget_s(const Workload& workload, const TuneOptions& options) {
  if (!find_strategy(options.strategy).uses_prior) return 0;
  return options.calibration_seconds.value_or(std::min(60.0, 0.07 * 60 * workload.budget.minutes));
}

constexpr int kCalibrationCandidates = 400;
constexpr int kMostStarts = 8;  // then the strategy chooses, and has something to learn from
constexpr int kProposals = 24;

// The policies that the search chooses among: those of the default and the starting points, and
// along the whole trade-off what the sensitivities propose.
std::vector<Policy> propose_policies(Study& study, const Target& target) {
  const MeanLengths mean = mean_lengths(study.workload);
  const RequestShape request{.input_tokens = mean.input_tokens,
                             .output_tokens = mean.output_tokens};
  const double most = 4 * floors_of(study.workload).max_kl_divergence.value_or(0.05);
  study.proposals = policy_front(study.sensitivity, target, study.kernels, request, kProposals,
                                 most, study.layer_losses);
  std::vector<Policy> known{default_config(target).weights};
  for (const StartingPoint& start : kStartingPoints) known.push_back(apply(start, target).weights);
  std::vector<std::pair<double, Policy>> all;
  const auto add = [&](const Policy& policy) {
    if (std::ranges::find(all, policy, &std::pair<double, Policy>::second) != all.end()) return;
    const auto predicted =
        predict(policy, study.sensitivity, target, study.kernels, request, study.layer_losses);
    all.emplace_back(predicted ? predicted->seconds : 0, policy);
  };
  for (const Policy& policy : known) add(policy);
  for (const PolicyPrediction& proposal : study.proposals) add(proposal.policy);
  std::ranges::stable_sort(all, std::greater<>(), &std::pair<double, Policy>::first);
  std::vector<Policy> policies;
  for (auto& [seconds, policy] : all) policies.push_back(std::move(policy));
  return policies;
}

// A few of the proposed policies, spread over the trade-off, on the fastest kernels, each with the
// caches that lose next to nothing, and shared among threads in both ways.
std::vector<DeployConfig> proposed_starts(const Study& study, const Target& target) {
  constexpr std::size_t kStarts = 4;
  std::vector<DeployConfig> starts;
  const std::size_t n = study.proposals.size();
  for (std::size_t i = 0; i < std::min(kStarts, n); ++i) {
    DeployConfig config = default_config(target);
    config.weights = study.proposals[(i + 1) * n / (kStarts + 1)].policy;
    config.activations.name = "int8";
    config.smoothing.name = "hadamard";  // most of what int8 activations lose, it gives back
    config.prefill_kernel.name = config.decode_kernel.name = "tuned";
    for (const KvFormat* const cache : {config.kv_cache, &kKvInt8, &kKvInt8A8}) {
      config.kv_cache = cache;
      for (const int shard_rows_from : {0, 1}) {
        config.shard_rows_from = shard_rows_from;
        starts.push_back(canonical(config, target));
      }
    }
  }
  return starts;
}

}  // namespace

Study plan_study(const Workload& workload, const TuneOptions& options, const Profiler& profiler) {
  const ConfigSpace space(profiler.target(), workload.space, workload.file.string());
  Study study{
      .id = study_id(workload, options, profiler),
      .workload = workload,
      .workload_json = canonical_json(workload),
      .model_path = std::filesystem::absolute(workload.model_path).lexically_normal().string(),
      .model_hash = profiler.model_hash(),
      .calibration = profiler.calibration(),
      .model_format = profiler.model_format(),
      .model = profiler.target().model,
      .machine = profiler.target().machine,
      .build = profiler.build(),
      .command = options.command};
  study.effort = options.effort;
  study.strategy = find_strategy(options.strategy).name;
  study.seed = options.seed;
  study.latency_objective = latency_objective_name(workload);
  study.knobs = space.knobs();
  study.space = space.sizes();
  return study;
}

Study tune(const Workload& workload, const TuneOptions& options, Profiler& profiler, Clock& clock,
           const std::atomic<bool>& stop, TuneObserver& observer) {
  Study study = plan_study(workload, options, profiler);
  study.started_at = clock.utc();
  Trials trials(study, workload, profiler, clock, observer);

  observer.phase("measuring the full-precision model on " +
                 std::to_string(profiler.quality_plan().predicted_tokens()) + " tokens and " +
                 std::to_string(profiler.quality_plan().questions.size()) + " questions");
  bool interrupted = !profiler.prepare_reference();
  if (const auto formats =
          formats_to_tune(study, profiler.target(), !workload.space.contains("weights"));
      !interrupted && !formats.empty()) {
    interrupted = !profiler.prepare_kernels(formats, kernel_budget_s(workload, options),
                                            options.retune_kernels,
                                            [&](const std::string& text) { observer.phase(text); });
    study.kernels = profiler.kernels();
  }

  if (!interrupted && !workload.space.contains("weights")) {
    observer.phase(
        "measuring what activations, KV cache and each kind of layer lose under each treatment");
    interrupted = !profiler.prepare_losses(loss_budget_s(workload, profiler.target()));
    study.knob_losses = profiler.losses().knobs;
    study.sensitivity = profiler.losses().weights;
    study.layer_losses = profiler.losses().layers;
    study.ladder = profiler.losses().ladder;
    if (!interrupted && !study.sensitivity.empty()) {
      profiler.set_policies(propose_policies(study, profiler.target()));
    }
  }
  const ConfigSpace space(profiler.target(), workload.space, workload.file.string());
  study.knobs = space.knobs();
  study.space = space.sizes();

  std::optional<Prior> prior;
  if (const double budget_s = calibration_budget_s(workload, options);
      !interrupted && budget_s > 0) {
    std::vector<DeployConfig> candidates{default_config(profiler.target())};
    for (std::size_t i = 0; i < kCalibratedStarts; ++i)
      candidates.push_back(apply(kStartingPoints[i], profiler.target()));
    std::erase_if(candidates, [&](const DeployConfig& config) { return !space.point(config); });
    const std::size_t sure = candidates.size();
    std::ranges::copy(calibration_candidates(space, kCalibrationCandidates, workload.seed),
                      std::back_inserter(candidates));
    interrupted = !profiler.prepare_costs(candidates, sure, budget_s, workload.seed,
                                          [&](const std::string& text) { observer.phase(text); });
    if (!interrupted) study.cost_model = cost_model_text(profiler.costs());
    if (profiler.costs().costs)
      prior.emplace(*profiler.costs().costs, workload, losses_of(study), profiler.vocabulary());
  }
  std::unordered_map<Point, std::uint64_t, PointHash> qualities;
  const auto quality_at = [&](const Point& point) {
    const auto [entry, is_new] = qualities.try_emplace(point, 0);
    if (is_new) entry->second = quality_of(space.config(point));
    return entry->second;
  };
  SearchSetup setup{
      .n_objectives = 3,
      .seed = options.seed,
      .seconds = [&](const Point& point) { return trials.expected_seconds(quality_at(point)); },
      .exact = {false, false, true},
      .alike = quality_at};
  if (prior) {
    trials.predict_by(&*prior);
    setup.prior = [&](const Point& point) -> std::optional<Judged> {
      const auto prediction = prior->predict(space.config(point), trials.rated());
      if (!prediction) return std::nullopt;
      return predicted_scores(*prediction, workload);
    };
  }
  const std::unique_ptr<Strategy> strategy =
      find_strategy(options.strategy).make(space.space(), setup);

  const double budget_s = 60 * workload.budget.minutes;
  const auto verification_s = [&] {
    // Half of the runs are the default's.
    const double base_s =
        study.trials.empty() ? 0 : fresh_run_seconds(study.trials.front(), trials.rated(), 1);
    return std::min(kVerificationRuns * (base_s + trials.fresh_seconds(1)) / 2,
                    kMostVerificationShare * budget_s) +
           expected_gate_seconds(workload, trials.mean_seconds());
  };
  // Then another trial tells more than what is known of the default measured again, and is worth a
  // shorter verification.
  const auto only_the_default = [&] { return cheapest(study, 1).empty(); };
  // What few have found is verified anyway: another trial tells more than the front measured again.
  const auto confirms = [&] {
    return study.trials.size() >= kFewestConfirmed && !only_the_default();
  };
  const auto out_of_budget = [&] {
    const double again = confirms() ? double(study.front.size() + 1) * trials.fresh_seconds(2) : 0;
    const double after = only_the_default()
                             ? kLeastVerificationPart * verification_s()
                             : verification_s() + std::min(again, kConfirmationShare * budget_s);
    const double reserve = trials.mean_seconds() + after;
    if (workload.budget.trials &&
        static_cast<int>(study.trials.size()) >= *workload.budget.trials) {
      study.stop_reason =
          "the budget of " + std::to_string(*workload.budget.trials) + " trials is used";
    } else if (!study.trials.empty() && trials.spent() + reserve > budget_s) {
      study.stop_reason =
          "the budget of " + minutes_text(workload.budget.minutes) + " minutes is used";
    }
    return !study.stop_reason.empty();
  };
  const auto measure = [&](const DeployConfig& config) {
    interrupted = interrupted || stop.load() || !trials.run(config);
    if (interrupted) return false;
    if (const std::optional<Point> point = space.point(config)) {
      Trial steady = study.trials.back();
      steady.objectives = without_drift(steady);
      strategy->tell(*point, search_scores(steady));
    }
    return true;
  };

  // The default is always trial 0, whatever the restrictions of the space.
  if (!interrupted) measure(default_config(profiler.target()));
  // A strategy that knows nothing beforehand was asked for to see what it finds by itself.
  const bool informed = find_strategy(options.strategy).uses_prior;
  std::vector<DeployConfig> starts;
  if (informed) {
    for (const StartingPoint& start : kStartingPoints)
      starts.push_back(apply(start, profiler.target()));
    std::ranges::copy(proposed_starts(study, profiler.target()), std::back_inserter(starts));
  }
  std::erase_if(starts, [&](const DeployConfig& config) { return !space.point(config); });
  const auto predict = [&](const DeployConfig& config) {
    return prior ? prior->predict(config, trials.rated()) : std::nullopt;
  };
  for (int started = 0; started < kMostStarts && !interrupted && !out_of_budget();) {
    const auto config = take_start(starts, predict, study.trials, trials.rated());
    if (!config) break;
    if (std::ranges::find(study.trials, *config, &Trial::config) != study.trials.end()) continue;
    measure(*config);
    ++started;
  }
  // Told already, or nothing to tell.
  bool ranked = !prior || !informed || raw_size(space.space()) <= kRanked;
  while (!interrupted && !out_of_budget()) {
    if (!std::exchange(ranked, true))
      observer.phase("ranking " + std::to_string(kRanked) + " configs by the cost model");
    const std::vector<Point> asked = strategy->ask(1);
    if (asked.empty()) {
      study.stop_reason = "every config was tried";
      break;
    }
    if (const std::optional<Regret> regret = strategy->regret();
        regret && regret->share <= kNegligibleRegret) {
      study.stop_reason = "nothing that is left to try promises more than the front";
      break;
    }
    measure(space.config(asked.front()));
  }

  if (interrupted) study.stop_reason = "interrupted";
  if (!study.trials.empty()) conclude(study);
  if (const std::optional<Regret> regret = strategy->regret()) study.regret = regret->share;
  if (study.feasible && !interrupted && confirms()) {
    const double left_s = budget_s - trials.spent() - verification_s();
    interrupted = !confirm(study, trials.rated(), profiler, clock, trials.timeout(),
                           std::min(left_s, kConfirmationShare * budget_s), observer, stop);
    if (interrupted) study.stop_reason = "interrupted";
  }
  if (const auto& costs = profiler.costs().costs; prior && costs) {
    const SpeedBounds speeds(costs->model.terms().times(), profiler.target(), trials.rated(),
                             study.workload.seed);
    study.certified = certified_gap(study, policies_of(study), speeds);
  }
  if (study.feasible && !interrupted)
    verify(study, trials.rated(), profiler, clock, trials.timeout(),
           clock.now() + budget_s - trials.spent(), observer, stop);
  if (!study.verification.done && study.verification.verdict.empty()) {
    study.verification.verdict =
        interrupted ? "not verified: interrupted" : "not verified: no config meets the limits";
  }
  study.seconds = trials.spent();
  study.finished_at = clock.utc();
  return study;
}

}  // namespace paretune
