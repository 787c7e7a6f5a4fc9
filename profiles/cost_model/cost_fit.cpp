#include "profiles/cost_model/cost_fit.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "profiles/cost_model/least_squares.h"
#include "profiles/statistics.h"

namespace paretune {
namespace {

constexpr double kFarOff = 0.5;  // relative error beyond which a step counts less
constexpr double kShrink = 0.7;  // of bucket factors towards none, in runs
constexpr int kReweightings = 4;

// One step as the regression sees it.
struct Row {
  std::array<double, kCostTerms> x{};
  double seconds = 0, weight = 1;
};
struct RunRows {
  std::array<PhaseTerms, 2> terms;
  std::array<std::vector<Row>, 2> rows;  // by phase
};

double predict(const Row& row, const std::array<double, kCostTerms>& amounts) {
  double sum = 0;
  for (std::size_t i = 0; i < kCostTerms; ++i) sum += amounts[i] * row.x[i];
  return sum;
}

NormalEquations equations(const RunRows& run) {
  NormalEquations sum(kCostTerms);
  std::array<double, kCostTerms> x{};
  for (const std::vector<Row>& rows : run.rows) {
    // A run counts by its two phases, not by how many steps its time held.
    const double share = rows.empty() ? 0 : 1 / double(rows.size());
    for (const Row& row : rows) {
      for (std::size_t i = 0; i < kCostTerms; ++i) x[i] = row.x[i] / row.seconds;
      sum.add(x, 1, row.weight * share);
    }
  }
  return sum;
}

std::array<double, kCostTerms> amounts_of(const NormalEquations& sum) {
  const std::vector<double> solved = sum.non_negative();
  std::array<double, kCostTerms> amounts{};
  std::ranges::copy(solved, amounts.begin());
  return amounts;
}

// log(measured / predicted) of a run's phase, over its steps; nullopt: it has none.
std::optional<double> log_left(const std::vector<Row>& rows,
                               const std::array<double, kCostTerms>& amounts) {
  double measured = 0, predicted = 0;
  for (const Row& row : rows) {
    measured += row.weight * row.seconds;
    predicted += row.weight * predict(row, amounts);
  }
  if (!(measured > 0) || !(predicted > 0)) return std::nullopt;
  return std::log(measured / predicted);
}

// left_out: the run that does not count; runs.size(): none.
CostFit fit(const std::vector<RunRows>& runs, const NormalEquations& all, std::size_t left_out,
            const std::map<std::string, std::size_t>& buckets) {
  CostFit result;
  NormalEquations rest = all;
  if (left_out < runs.size()) rest -= equations(runs[left_out]);
  result.amounts = amounts_of(rest);
  NormalEquations factors(buckets.size());
  std::vector<double> x(buckets.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (i == left_out) continue;
    for (std::size_t phase = 0; phase < 2; ++phase) {
      const std::optional<double> left = log_left(runs[i].rows[phase], result.amounts);
      if (!left) continue;
      std::ranges::fill(x, 0);
      for (const std::string& bucket : runs[i].terms[phase].buckets) x[buckets.at(bucket)] = 1;
      factors.add(x, *left);
    }
  }
  const std::vector<double> solved = factors.ridge(kShrink);
  for (const auto& [name, at] : buckets) result.log_factors[name] = solved[at];
  return result;
}

}  // namespace

CostFit unfitted() {
  CostFit fit;
  fit.amounts[kProducts] = fit.amounts[kAttention] = fit.amounts[kCasts] = 1;
  return fit;
}

PhaseCost weighted(const PhaseTerms& terms, const CostFit& fit) {
  PhaseCost sum;
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    PhaseCost term = terms.terms[i];
    sum += term *= fit.amounts[i];
  }
  return sum;
}

double factor(const PhaseTerms& terms, const CostFit& fit) {
  double log_factor = 0;
  for (const std::string& bucket : terms.buckets) {
    const auto found = fit.log_factors.find(bucket);
    if (found != fit.log_factors.end()) log_factor += found->second;
  }
  return std::exp(log_factor);
}

CostFit fit_costs(const CostTerms& terms, std::span<const CalibrationRun> calibration,
                  std::vector<CostFit>* left_out) {
  std::vector<RunRows> runs;
  std::map<std::string, std::size_t> buckets;
  for (const CalibrationRun& run : calibration) {
    RunRows& rows = runs.emplace_back();
    for (const Phase phase : {Phase::prefill, Phase::decode}) {
      const auto p = static_cast<std::size_t>(phase);
      rows.terms[p] = terms.terms(run.config, phase);
      for (const std::string& bucket : rows.terms[p].buckets)
        buckets.emplace(bucket, buckets.size());
    }
    for (const MeasuredStep& step : run.steps) {
      if (!(step.seconds > 0)) continue;
      const auto p = static_cast<std::size_t>(step.shape.phase);
      Row& row = rows.rows[p].emplace_back(Row{.seconds = step.seconds});
      for (std::size_t i = 0; i < kCostTerms; ++i)
        row.x[i] = seconds_of(rows.terms[p].terms[i], step.shape);
    }
  }
  const auto sum_of_all = [&] {
    NormalEquations sum(kCostTerms);
    for (const RunRows& run : runs) sum += equations(run);
    return sum;
  };
  NormalEquations all = sum_of_all();
  for (int round = 0; round < kReweightings; ++round) {
    const std::array<double, kCostTerms> amounts = amounts_of(all);
    for (RunRows& run : runs) {
      for (std::vector<Row>& rows : run.rows) {
        if (rows.empty()) continue;
        // A config is allowed to be off as a whole: what counts is a step's distance from its kin.
        std::vector<double> ratios;
        for (const Row& row : rows) ratios.push_back(predict(row, amounts) / row.seconds);
        const double middle = std::max(median(ratios), 1e-12);
        for (std::size_t i = 0; i < rows.size(); ++i) {
          const double ratio = std::max(ratios[i], 1e-12) / middle;
          const double off = std::max(ratio, 1 / ratio) - 1;
          rows[i].weight = off > kFarOff ? std::pow(kFarOff / off, 2) : 1;
        }
      }
    }
    all = sum_of_all();
  }
  if (left_out) {
    left_out->clear();
    for (std::size_t i = 0; i < runs.size(); ++i) left_out->push_back(fit(runs, all, i, buckets));
  }
  return fit(runs, all, runs.size(), buckets);
}

}  // namespace paretune
