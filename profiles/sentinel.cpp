#include "profiles/sentinel.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "profiles/kernel_runner.h"

namespace paretune {
namespace {

using Json = nlohmann::json;

struct Rate {
  const char* name;
  const char* unit;
  double Sentinel::*field;
};
constexpr std::array kRates{Rate{"read", "GB/s", &Sentinel::read_gb_per_s},
                            Rate{"int8", "TOP/s", &Sentinel::int8_tera_ops},
                            Rate{"f32", "TFLOP/s", &Sentinel::f32_tera_ops}};

double best_seconds(KernelTask task, int m, int rounds, int times, const Caches& caches,
                    ThreadPool& pool, Clock& clock, int& columns) {
  task.threads = pool.size();
  const KernelWeights weights(task, caches);
  KernelRunner runner(task, m, weights, pool, clock);
  const MatmulPlan plan = default_plan(kKernelFamilies.front(), *task.weights, task.activations);
  columns = runner.columns();
  double best = runner.run(plan, times);
  for (int i = 0; i < rounds; ++i) best = std::min(best, runner.run(plan, times));
  return best;
}

}  // namespace

Sentinel measure_sentinel(const Caches& caches, ThreadPool& pool, Clock& clock) {
  int columns = 0;
  Sentinel sentinel;
  const KernelTask decode{.weights = &kInt8,
                          .activations = Activations::int8,
                          .n = 2048,
                          .k = 2048,
                          .model_bytes = std::size_t(1) << 40};
  const double read_s = best_seconds(decode, 1, 7, 16, caches, pool, clock, columns);
  sentinel.read_gb_per_s = double(kInt8.packed_bytes(columns, 2048)) / read_s * 1e-9;
  const KernelTask int8{.weights = &kInt8, .activations = Activations::int8, .n = 512, .k = 1024};
  const double int8_s = best_seconds(int8, 128, 9, 1, caches, pool, clock, columns);
  sentinel.int8_tera_ops = 2.0 * 128 * columns * 1024 / int8_s * 1e-12;
  const KernelTask f32{.weights = &kF32, .activations = Activations::f32, .n = 512, .k = 512};
  const double f32_s = best_seconds(f32, 128, 9, 1, caches, pool, clock, columns);
  sentinel.f32_tera_ops = 2.0 * 128 * columns * 512 / f32_s * 1e-12;
  return sentinel;
}

std::string changes(const Sentinel& then, const Sentinel& now) {
  std::string text;
  for (const Rate& rate : kRates) {
    const double before = then.*rate.field, after = now.*rate.field;
    if (std::max(before, after) <= 1.5 * std::min(before, after)) continue;
    char line[80];
    std::snprintf(line, sizeof line, "%s%s %.3g -> %.3g %s", text.empty() ? "" : ", ", rate.name,
                  before, after, rate.unit);
    text += line;
  }
  return text;
}

std::string to_json(const Sentinel& sentinel) {
  Json json;
  for (const Rate& rate : kRates) json[rate.name] = sentinel.*rate.field;
  return json.dump();
}

std::optional<Sentinel> parse_sentinel(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Sentinel sentinel;
  for (const Rate& rate : kRates) {
    const auto found = json.find(rate.name);
    if (found == json.end() || !found->is_number()) return std::nullopt;
    sentinel.*rate.field = found->get<double>();
  }
  return sentinel;
}

}  // namespace paretune
