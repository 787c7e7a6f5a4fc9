#include "profiles/cost_model/cost_json.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kernels/attention.h"
#include "kernels/kv_format.h"
#include "profiles/field_json.h"

namespace paretune {
namespace {

struct Named {
  std::string name;
  double value = 0;
};

struct StoredAttention {
  std::string variant, kv_cache;
  double single_row = 0, single_context = 0, chunk_row = 0, chunk_pair = 0;
};

// Times of products and casts are kept as a kernel table is: its rows say which kernel does what
// how, and take the seconds for those of the tuner.
struct StoredCosts {
  KernelTable products, casts;
  std::vector<StoredAttention> attention;
  std::vector<Named> store_row;  // by format of the cache
  std::vector<double> amounts;
  std::vector<Named> log_factors;
  std::vector<PredictionError> errors;
  int runs = 0;
  double seconds = 0;
};

}  // namespace

static FieldJson write_leaf(Is<KernelTable> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, KernelTable& v) {
  v = kernel_table_from_json(json.dump(), where);
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

void fields(Is<StoredAttention> auto& s, auto&& visit) {
  auto& [variant, kv_cache, single_row, single_context, chunk_row, chunk_pair] = s;
  visit("variant", variant), visit("kv_cache", kv_cache), visit("single_row", single_row);
  visit("single_context", single_context), visit("chunk_row", chunk_row);
  visit("chunk_pair", chunk_pair);
}

void fields(Is<StoredCosts> auto& s, auto&& visit) {
  auto& [products, casts, attention, store_row, amounts, log_factors, errors, runs, seconds] = s;
  visit("products", products), visit("casts", casts), visit("attention", attention);
  visit("store_row", store_row), visit("amounts", amounts), visit("log_factors", log_factors);
  visit("errors", errors), visit("runs", runs), visit("seconds", seconds);
}

KernelChoice stored_cast(const MatmulVariant& variant, int k, double seconds) {
  return {.key = {.weights = variant.weights,
                  .activations = variant.activations,
                  .n = 1,
                  .k = k,
                  .m = 1},
          .plan = {.variant = &variant},
          .tuned_s = seconds};
}

void check_length(std::size_t found, std::size_t wanted, const std::string& where) {
  if (found != wanted)
    throw std::runtime_error(where + ": found " + std::to_string(found) +
                             " numbers, allowed: " + std::to_string(wanted));
}

}  // namespace

std::string to_json(const FittedCosts& costs) {
  const OperatorTimes& times = costs.model.terms().times();
  StoredCosts stored{
      .amounts = {costs.model.fit().amounts.begin(), costs.model.fit().amounts.end()},
      .errors = {costs.errors.begin(), costs.errors.end()},
      .runs = costs.runs,
      .seconds = costs.seconds};
  times.for_each_product([&](const ProductKey& key, int m, double seconds) {
    stored.products.add({.key = {.weights = key.weights,
                                 .activations = key.plan.variant->activations,
                                 .n = key.n,
                                 .k = key.k,
                                 .m = m,
                                 .threads = key.threads},
                         .plan = key.plan,
                         .tuned_s = seconds});
  });
  for (const auto& [key, seconds] : times.prepare_row)
    stored.casts.add(stored_cast(*key.first, key.second, seconds));
  for (const auto& [variant, t] : times.attention)
    stored.attention.push_back({std::string(variant->name), std::string(variant->format->name),
                                t.single_row, t.single_context, t.chunk_row, t.chunk_pair});
  for (const auto& [format, seconds] : times.store_row)
    stored.store_row.push_back({std::string(format->name), seconds});
  for (const auto& [name, value] : costs.model.fit().log_factors)
    stored.log_factors.push_back({name, value});
  return fields_text(stored);
}

FittedCosts parse_fitted_costs(std::string_view json, const std::string& where,
                               const Target& target, const KernelTable& kernels) {
  const StoredCosts stored = parse_fields<StoredCosts>(json, where);
  OperatorTimes times;
  for (const KernelChoice& c : stored.products.choices())
    times.add({c.key.weights, c.plan, c.key.n, c.key.k, c.key.threads}, c.key.m, c.tuned_s);
  for (const KernelChoice& c : stored.casts.choices())
    times.prepare_row[{c.plan.variant, c.key.k}] = c.tuned_s;
  for (const StoredAttention& a : stored.attention) {
    const auto variants = attention_variants();
    const auto variant = std::ranges::find_if(variants, [&](const AttentionVariant& v) {
      return v.name == a.variant && v.format->name == a.kv_cache && cpu_has(v.needs);
    });
    if (variant != variants.end())
      times.attention[&*variant] = {a.single_row, a.single_context, a.chunk_row, a.chunk_pair};
  }
  for (const Named& row : stored.store_row) {
    const auto format = std::ranges::find(kKvFormats, row.name, &KvFormat::name);
    if (format != kKvFormats.end()) times.store_row[*format] = row.value;
  }
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
