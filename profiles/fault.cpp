#include "profiles/fault.h"

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

#include "kernels/attention.h"
#include "kernels/matmul.h"
#include "profiles/quality.h"
#include "profiles/statistics.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

constexpr std::size_t kTokens = 256;
// What kernels round in another order is far below this.
constexpr double kCured = 0.5;
constexpr double kSure = 2;  // standard errors
// Of what is lost without it: a compensation that saves less than that surely is one that does
// nothing.
constexpr double kUseless = 0.25;

// Of the first family that multiplies some weights of the config by another kernel; nullopt: this
// CPU has but one.
std::optional<DeployConfig> with_other_products(DeployConfig config, const KernelTable& kernels) {
  for (const std::string_view family : {"avx2", "openblas", "scalar"}) {
    for (const WeightFormat* format : config.weights.formats()) {
      const Activations activations = effective_activations(config, *format);
      const MatmulVariant* const other = &resolve_matmul(family, *format, activations);
      bool used = other == &resolve_matmul(config.prefill_kernel.name == "tuned"
                                               ? kKernelFamilies[0]
                                               : config.prefill_kernel.name,
                                           *format, activations);
      if (config.prefill_kernel.name == "tuned") {
        for (const KernelChoice& choice : kernels.choices()) used |= choice.plan.variant == other;
      }
      if (used) continue;
      config.prefill_kernel.name = config.decode_kernel.name = family;
      return config;
    }
  }
  return std::nullopt;
}

std::optional<DeployConfig> with_other_attention(DeployConfig config, const KernelTable&) {
  const AttentionVariant* const own =
      &resolve_attention(config.attention_kernel.name, *config.kv_cache);
  for (const std::string_view name : {"plain_avx2", "scalar"}) {
    if (&resolve_attention(name, *config.kv_cache) == own) continue;
    config.attention_kernel.name = name;
    return config;
  }
  return std::nullopt;
}

std::optional<DeployConfig> without_compensation(DeployConfig config, const KernelTable&) {
  bool any = false;
  config.weights.rewrite([&](Treatment treatment) {
    any |= treatment.rank > 0;
    treatment.rank = 0;
    return treatment;
  });
  return any ? std::optional(config) : std::nullopt;
}

struct Suspect {
  std::string_view name, instead;
  std::optional<DeployConfig> (*without)(DeployConfig, const KernelTable&);
};
constexpr std::array kSuspects{
    Suspect{"the matrix kernels", "by others", with_other_products},
    Suspect{"the attention kernel", "by another", with_other_attention},
    Suspect{"the compensation", "without it", without_compensation},
};

}  // namespace

std::string find_fault(const std::function<std::unique_ptr<ModelSource>()>& open,
                       const DeployConfig& config, const KernelTable& kernels, PackCache* packs,
                       const QualityPlan& plan, const QualityReference& reference) {
  return find_fault(config, kernels, [&](const DeployConfig& one) {
    const LoadedModel model = load_model(open(), one, kernels, packs);
    return sample_text(model, one, plan, reference, kTokens);
  });
}

std::string find_fault(const DeployConfig& config, const KernelTable& kernels,
                       const std::function<TextSample(const DeployConfig&)>& sample) {
  const TextSample now = sample(config);
  const double lost = mean_kl(now).value;
  for (const Suspect& suspect : kSuspects) {
    const std::optional<DeployConfig> other = suspect.without(config, kernels);
    if (!other) continue;
    const TextSample without = sample(*other);
    const double then = mean_kl(without).value;
    const Mean saved = kl_saved(without, now);
    const bool useless = suspect.without == without_compensation &&
                         saved.value + kSure * saved.standard_error < kUseless * then;
    if (then > kCured * lost && !useless) continue;
    char text[160];
    std::snprintf(text, sizeof text, "%s: KL divergence %.2g, %s %.2g",
                  std::string(suspect.name).c_str(), lost, std::string(suspect.instead).c_str(),
                  then);
    return text;
  }
  return "";
}

}  // namespace paretune
