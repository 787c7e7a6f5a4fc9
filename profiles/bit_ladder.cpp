#include "profiles/bit_ladder.h"

#include <algorithm>

#include "profiles/field_json.h"
#include "profiles/measurement_json.h"
#include "profiles/pace.h"
#include "profiles/quality.h"
#include "profiles/question_scores.h"
#include "profiles/sensitivity.h"
#include "profiles/statistics.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {

static FieldJson write_leaf(Is<Capability> auto& v) { return FieldJson::parse(to_json(v)); }
static void read_leaf(const FieldJson& json, const std::string& where, Is<Capability> auto& v) {
  v = parse_capability(json.dump(), where);
}

static void fields(Is<Rung> auto& s, auto&& visit) {
  auto& [treatment, bits_per_weight, kl_divergence, kl_standard_error, capabilities] = s;
  visit("treatment", treatment), visit("bits_per_weight", bits_per_weight);
  visit("kl_divergence", kl_divergence), visit("kl_standard_error", kl_standard_error);
  visit("capabilities", capabilities);
}

namespace {

constexpr std::size_t kTextTokens = 1024;

Policy policy_of(const Treatment& treatment, const Target& target) {
  Policy policy = full_precision_config(target).weights;
  for (const LayerKind kind : target.open_layers) {
    if (std::ranges::find(kAllKinds, kind) == kAllKinds.end()) continue;  // always as they are
    if (suits(treatment, kind, target)) policy.set(kind, treatment);
  }
  return policy;
}

}  // namespace

std::vector<Treatment> ladder(const Target& target) {
  std::vector<Treatment> rungs;
  for (const char* text :
       {"int4_g32:gptq", "int3_g32:gptq", "int3_g128:gptq", "int2_g32:gptq", "int2_g64:gptq"})
    rungs.push_back(affordable(parse_treatment(text, "the ladder of bits"), target));
  return rungs;
}

double assumed_rung_seconds(const Target& target, const QualityPlan& plan) {
  double tokens = kTextTokens;
  for (const QualityQuestion& question : plan.questions) {
    // An answer is generated and rated; of choices each is rated.
    tokens += double(question.prompt.size()) *
              (question.choices.empty() ? 2.0 : double(question.choices.size()));
  }
  return tokens * assumed_reference_token_seconds(target) +
         assumed_pack_seconds(ladder(target).front(), target);
}

Rung measure_rung(const std::function<std::unique_ptr<ModelSource>()>& open, const Target& target,
                  const Treatment& treatment, const QualityPlan& plan,
                  const QualityReference& reference, PackCache* packs) {
  DeployConfig config = full_precision_config(target);
  config.weights = policy_of(treatment, target);
  config = canonical(config, target);
  const LoadedModel model = load_model(open(), config, {}, packs);
  const TextSample sample = sample_text(model, config, plan, reference, kTextTokens);
  Quality quality;
  for (const TokenComparison& token : sample.tokens)
    quality.kl_p999 = std::max(quality.kl_p999, token.kl_divergence);
  summarize_scores(plan, score_questions(model, config, plan), scores_of(reference), quality);
  const Mean kl = mean_kl(sample);
  const ModelShape& shape = target.model;
  const Policy whole = full_precision_config(target).weights;
  return {.treatment = to_text(treatment),
          .bits_per_weight =
              32 * double(weight_bytes(shape, config.weights)) / double(weight_bytes(shape, whole)),
          .kl_divergence = kl.value,
          .kl_standard_error = kl.standard_error,
          .capabilities = std::move(quality.capabilities)};
}

bool broken(const Capability& c) {
  return c.drop > kOneSided95 * c.drop_standard_error ||
         (c.rated > 0 && c.likelihood_drop > kOneSided95 * c.likelihood_drop_standard_error);
}

bool ends_ladder(const Rung& rung) {
  return 2 * std::ranges::count_if(rung.capabilities, broken) >=
         std::ptrdiff_t(rung.capabilities.size());
}

std::string to_json(const Rung& rung) { return fields_text(rung); }

Rung parse_rung(std::string_view json, const std::string& where) {
  return parse_fields<Rung>(json, where);
}

}  // namespace paretune
