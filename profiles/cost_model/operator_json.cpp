#include "profiles/cost_model/operator_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "kernels/attention.h"
#include "kernels/kv_format.h"
#include "runtime/engine/kernel_table.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kProductOp = "product";
constexpr const char* kCastOp = "cast";
constexpr const char* kAttentionOp = "attention";
constexpr const char* kStoreOp = "store";

// As a row of a kernel table, which knows kernels and plans by name, without its times.
std::string product_op(const char* name, const ProductKey& key, int m) {
  KernelTable one;
  one.add({.key = {.weights = key.weights,
                   .activations = key.plan.variant->activations,
                   .n = key.n,
                   .k = key.k,
                   .m = m,
                   .threads = key.threads},
           .plan = key.plan});
  Json op{{"operator", name}};
  op.update(Json::parse(to_json(one))[0]);
  op.erase("default_s");
  op.erase("tuned_s");
  return op.dump();
}

std::string cast_op(const MatmulVariant& variant, int k) {
  return product_op(
      kCastOp,
      {.weights = variant.weights, .plan = {.variant = &variant}, .n = 1, .k = k, .threads = 1}, 1);
}

// nullopt: this CPU lacks its kernel.
std::optional<KernelChoice> choice_of(Json op, const std::string& where) {
  op.erase("operator");
  op["default_s"] = op["tuned_s"] = 0.0;
  const KernelTable table = kernel_table_from_json(Json::array({std::move(op)}).dump(), where);
  return table.empty() ? std::nullopt : std::optional(table.choices()[0]);
}

std::string text(const Json& op, const char* key, const std::string& where) {
  const auto found = op.find(key);
  if (found == op.end() || !found->is_string())
    throw std::runtime_error(where + ": " + key + ": found " +
                             (found == op.end() ? "nothing" : found->dump()) + ", allowed: a name");
  return *found;
}

void add_attention(OperatorTimes& times, const Json& op, const std::vector<double>& s,
                   const std::string& where) {
  const std::string name = text(op, "variant", where), format = text(op, "kv_cache", where);
  const auto variants = attention_variants();
  const auto variant = std::ranges::find_if(variants, [&](const AttentionVariant& v) {
    return v.name == name && v.format->name == format && cpu_has(v.needs);
  });
  if (variant != variants.end()) times.attention[&*variant] = {s[0], s[1], s[2], s[3]};
}

}  // namespace

std::vector<OperatorTime> rows_of(const OperatorTimes& times) {
  std::vector<OperatorTime> rows;
  times.for_each_product([&](const ProductKey& key, int m, double seconds) {
    rows.push_back({product_op(kProductOp, key, m), {seconds}});
  });
  for (const auto& [key, seconds] : times.prepare_row)
    rows.push_back({cast_op(*key.first, key.second), {seconds}});
  for (const auto& [variant, t] : times.attention) {
    const Json op{{"operator", kAttentionOp},
                  {"variant", variant->name},
                  {"kv_cache", variant->format->name}};
    rows.push_back({op.dump(), {t.single_row, t.single_context, t.chunk_row, t.chunk_pair}});
  }
  for (const auto& [format, seconds] : times.store_row)
    rows.push_back({Json{{"operator", kStoreOp}, {"kv_cache", format->name}}.dump(), {seconds}});
  std::ranges::sort(rows, {}, &OperatorTime::op);
  return rows;
}

OperatorTimes operator_times(const std::vector<OperatorTime>& rows, const std::string& where) {
  OperatorTimes times;
  for (const OperatorTime& row : rows) {
    Json op;
    try {
      op = Json::parse(row.op);
    } catch (const Json::exception& error) {
      throw std::runtime_error(where + ": " + error.what());
    }
    if (!op.is_object()) throw std::runtime_error(where + ": found " + row.op + ", allowed: {…}");
    const std::string name = text(op, "operator", where);
    const std::size_t wanted = name == kAttentionOp ? 4 : 1;
    if (row.seconds.size() != wanted)
      throw std::runtime_error(where + ": " + row.op + ": found " +
                               std::to_string(row.seconds.size()) +
                               " times, allowed: " + std::to_string(wanted));
    if (name == kProductOp) {
      if (const auto c = choice_of(op, where))
        times.add({c->key.weights, c->plan, c->key.n, c->key.k, c->key.threads}, c->key.m,
                  row.seconds[0]);
    } else if (name == kCastOp) {
      if (const auto c = choice_of(op, where))
        times.prepare_row[{c->plan.variant, c->key.k}] = row.seconds[0];
    } else if (name == kAttentionOp) {
      add_attention(times, op, row.seconds, where);
    } else if (name == kStoreOp) {
      const auto format =
          std::ranges::find(kKvFormats, text(op, "kv_cache", where), &KvFormat::name);
      if (format != kKvFormats.end()) times.store_row[*format] = row.seconds[0];
    } else {
      throw std::runtime_error(where + ": found operator \"" + name + "\", allowed: " + kProductOp +
                               ", " + kCastOp + ", " + kAttentionOp + ", " + kStoreOp);
    }
  }
  return times;
}

}  // namespace paretune
