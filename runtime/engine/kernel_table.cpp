#include "runtime/engine/kernel_table.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "runtime/engine/model.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 3> kActivationNames{"f32", "bf16", "int8"};

int integer(const Json& object, const char* key, const std::string& where, int least, int most) {
  const std::string place = where + "." + key;
  const auto found = object.find(key);
  const std::string allowed =
      "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  if (found == object.end()) refuse(place, "nothing", allowed);
  if (!found->is_number_integer() || *found < least || *found > most) {
    refuse(place, found->dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 80),
           allowed);
  }
  return found->get<int>();
}

template <class Names>
std::size_t name(const Json& object, const char* key, const std::string& where,
                 const Names& names) {
  const std::string place = where + "." + key;
  const auto found = object.find(key);
  std::string allowed;
  for (const std::string_view one : names) {
    allowed += (allowed.empty() ? "" : ", ") + std::string(one);
  }
  if (found == object.end()) refuse(place, "nothing", allowed);
  const auto at = found->is_string()
                      ? std::ranges::find(names, found->template get_ref<const std::string&>())
                      : std::end(names);
  if (at == std::end(names)) {
    refuse(place, found->dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 80),
           allowed);
  }
  return static_cast<std::size_t>(at - std::begin(names));
}

double seconds(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number() || *found < 0) {
    refuse(where + "." + key, found == object.end() ? "nothing" : found->dump(),
           "seconds, 0 or more");
  }
  return found->get<double>();
}

// nullopt where this CPU lacks the kernel.
std::optional<KernelChoice> read_choice(const Json& json, const std::string& where) {
  if (!json.is_object()) refuse(where, json.type_name(), "an object");
  constexpr std::array kKeys{"weights", "activations", "n",         "k",
                             "m",       "threads",     "kernel",    "prefetch",
                             "streams", "depth_block", "row_block", "panel_block",
                             "claimed", "row_shares",  "default_s", "tuned_s"};
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(kKeys, std::string_view(key)) == kKeys.end())
      refuse(where, "the key " + in_double_quotes(key), joined(kKeys));
  }
  std::vector<std::string_view> formats;
  for (const WeightFormat* format : kWeightFormats) formats.push_back(format->name);

  constexpr int kMost = 1 << 24;
  KernelChoice choice;
  choice.key = {
      .weights = kWeightFormats[name(json, "weights", where, formats)],
      .activations = static_cast<Activations>(name(json, "activations", where, kActivationNames)),
      .n = integer(json, "n", where, 1, kMost),
      .k = integer(json, "k", where, 1, kMost),
      .m = integer(json, "m", where, 1, kMost),
      .threads = integer(json, "threads", where, 1, 4096)};
  const std::string_view family = kKernelFamilies[name(json, "kernel", where, kKernelFamilies)];
  MatmulPlan& plan = choice.plan;
  plan.walk = {.prefetch = integer(json, "prefetch", where, 0, 1 << 20),
               .streams = integer(json, "streams", where, 1, 4),
               .depth_block = integer(json, "depth_block", where, 256, 1 << 16)};
  plan.row_block = integer(json, "row_block", where, 0, 1 << 20);
  plan.panel_block = integer(json, "panel_block", where, 1, 1 << 20);
  if (plan.walk.depth_block % 256 != 0) refuse(where + ".depth_block", "no multiple", "of 256");
  if (plan.row_block % 16 != 0) refuse(where + ".row_block", "no multiple", "a multiple of 16");
  plan.claimed = integer(json, "claimed", where, 0, 1) == 1;
  plan.row_shares = integer(json, "row_shares", where, 1, 4096);
  choice.default_s = seconds(json, "default_s", where);
  choice.tuned_s = seconds(json, "tuned_s", where);
  const auto variants = matmul_variants();
  const auto variant = std::ranges::find_if(variants, [&](const MatmulVariant& v) {
    return v.family == family && v.weights == choice.key.weights &&
           v.activations == choice.key.activations && cpu_has(v.needs);
  });
  if (variant == variants.end()) return std::nullopt;
  plan.variant = &*variant;
  return choice;
}

}  // namespace

bool KernelTable::has(const KernelKey& key) const {
  return std::ranges::any_of(choices_, [&](const KernelChoice& c) { return c.key == key; });
}

MatmulPlans KernelTable::plans(const WeightFormat& weights, Activations activations, int n, int k,
                               int threads) const {
  std::vector<const KernelChoice*> rows;  // one for each m, of the nearest thread count
  for (const KernelChoice& choice : choices_) {
    const KernelKey& key = choice.key;
    if (key.weights != &weights || key.activations != activations || key.n != n || key.k != k)
      continue;
    const auto same = std::ranges::find_if(
        rows, [&](const KernelChoice* other) { return other->key.m == key.m; });
    if (same == rows.end()) {
      rows.push_back(&choice);
    } else if (std::abs(key.threads - threads) < std::abs((*same)->key.threads - threads)) {
      *same = &choice;
    }
  }
  if (rows.empty()) return MatmulPlans(default_plan(kKernelFamilies.front(), weights, activations));
  std::ranges::sort(rows, {}, [](const KernelChoice* choice) { return choice->key.m; });
  std::vector<std::pair<int, MatmulPlan>> plans;
  for (const KernelChoice* choice : rows) plans.emplace_back(choice->key.m, choice->plan);
  return MatmulPlans(std::move(plans));
}

KernelTable used_by(const KernelTable& table, const DeployConfig& config, const ModelShape& shape) {
  KernelTable used;
  if (config.prefill_kernel.name != "tuned" && config.decode_kernel.name != "tuned") return used;
  const std::vector<Model::Product> products = Model::products(shape);
  for (const KernelChoice& choice : table.choices()) {
    const KernelKey& key = choice.key;
    if (std::ranges::any_of(products, [&](const Model::Product& p) {
          const std::vector<Treatment> treatments = config.weights.treatments(p.kind);
          return key.n == p.n && key.k == p.k &&
                 std::ranges::find(treatments, key.weights, &Treatment::format) !=
                     treatments.end() &&
                 key.activations == effective_activations(config, *key.weights);
        }))
      used.add(choice);
  }
  return used;
}

MatmulPlan default_plan(std::string_view family, const WeightFormat& weights,
                        Activations activations) {
  return {.variant = &resolve_matmul(family, weights, activations)};
}

std::string to_json(const KernelTable& table) {
  Json json = Json::array();
  for (const KernelChoice& c : table.choices()) {
    json.push_back({{"weights", c.key.weights->name},
                    {"activations", kActivationNames[static_cast<std::size_t>(c.key.activations)]},
                    {"n", c.key.n},
                    {"k", c.key.k},
                    {"m", c.key.m},
                    {"threads", c.key.threads},
                    {"kernel", c.plan.variant->family},
                    {"prefetch", c.plan.walk.prefetch},
                    {"streams", c.plan.walk.streams},
                    {"depth_block", c.plan.walk.depth_block},
                    {"row_block", c.plan.row_block},
                    {"panel_block", c.plan.panel_block},
                    {"claimed", c.plan.claimed ? 1 : 0},
                    {"row_shares", c.plan.row_shares},
                    {"default_s", c.default_s},
                    {"tuned_s", c.tuned_s}});
  }
  return json.dump();
}

KernelTable kernel_table_from_json(std::string_view text, const std::string& where) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw std::runtime_error(where + ": not JSON: " + error.what());
  }
  if (!json.is_array()) refuse(where, json.type_name(), "an array of kernel choices");
  KernelTable table;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto choice = read_choice(json[i], where + "[" + std::to_string(i) + "]");
    if (choice) table.add(*choice);
  }
  return table;
}

}  // namespace paretune
