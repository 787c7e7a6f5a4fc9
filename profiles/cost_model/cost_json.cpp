#include "profiles/cost_model/cost_json.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "profiles/cost_model/operator_json.h"
#include "profiles/field_json.h"

namespace paretune {
namespace {

struct Named {
  std::string name;
  double value = 0;
};

struct StoredCosts {
  std::vector<OperatorTime> operators;
  std::vector<double> amounts;
  std::vector<Named> log_factors;
  std::vector<PredictionError> errors;
  int runs = 0;
  double seconds = 0;
};

}  // namespace

static void fields(Is<OperatorTime> auto& s, auto&& visit) {
  auto& [op, seconds] = s;
  visit("operator", op), visit("seconds", seconds);
}

static void fields(Is<PredictionError> auto& s, auto&& visit) {
  auto& [configs, median, p90, bias, rank_correlation] = s;
  visit("configs", configs), visit("median", median), visit("p90", p90), visit("bias", bias);
  visit("rank_correlation", rank_correlation);
}

namespace {

void fields(Is<Named> auto& s, auto&& visit) {
  auto& [name, value] = s;
  visit("name", name), visit("value", value);
}

void fields(Is<StoredCosts> auto& s, auto&& visit) {
  auto& [operators, amounts, log_factors, errors, runs, seconds] = s;
  visit("operators", operators), visit("amounts", amounts), visit("log_factors", log_factors);
  visit("errors", errors), visit("runs", runs), visit("seconds", seconds);
}

void check_length(std::size_t found, std::size_t wanted, const std::string& where) {
  if (found != wanted)
    throw std::runtime_error(where + ": found " + std::to_string(found) +
                             " numbers, allowed: " + std::to_string(wanted));
}

}  // namespace

std::string to_json(const FittedCosts& costs) {
  StoredCosts stored{
      .operators = rows_of(costs.model.terms().times()),
      .amounts = {costs.model.fit().amounts.begin(), costs.model.fit().amounts.end()},
      .errors = {costs.errors.begin(), costs.errors.end()},
      .runs = costs.runs,
      .seconds = costs.seconds};
  for (const auto& [name, value] : costs.model.fit().log_factors)
    stored.log_factors.push_back({name, value});
  return fields_text(stored);
}

FittedCosts parse_fitted_costs(std::string_view json, const std::string& where,
                               const Target& target, const KernelTable& kernels) {
  const StoredCosts stored = parse_fields<StoredCosts>(json, where);
  OperatorTimes times = operator_times(stored.operators, where + ": $.operators");
  CostFit fit;
  check_length(stored.amounts.size(), fit.amounts.size(), where + ": $.amounts");
  std::ranges::copy(stored.amounts, fit.amounts.begin());
  for (const Named& factor : stored.log_factors) fit.log_factors[factor.name] = factor.value;
  PredictionErrors errors;
  check_length(stored.errors.size(), errors.size(), where + ": $.errors");
  std::ranges::copy(stored.errors, errors.begin());
  return {CostModel(CostTerms(target, kernels, std::move(times)), std::move(fit)), errors,
          stored.runs, stored.seconds};
}

}  // namespace paretune
