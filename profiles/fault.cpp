#include "profiles/fault.h"

#include <array>
#include <cstdio>
#include <optional>
#include <string_view>

#include "kernels/attention.h"
#include "kernels/matmul.h"
#include "profiles/quality.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

constexpr std::size_t kTokens = 128;
// What kernels round in another order is far below this.
constexpr double kCured = 0.5;

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
  const auto lost_by = [&](const DeployConfig& one) {
    const LoadedModel model = load_model(open(), one, kernels, packs);
    return mean_kl(sample_text(model, one, plan, reference, kTokens)).value;
  };
  const double lost = lost_by(config);
  for (const Suspect& suspect : kSuspects) {
    const std::optional<DeployConfig> other = suspect.without(config, kernels);
    if (!other) continue;
    const double then = lost_by(*other);
    if (then > kCured * lost) continue;
    char text[160];
    std::snprintf(text, sizeof text, "%s: KL divergence %.2g, %s %.2g",
                  std::string(suspect.name).c_str(), lost, std::string(suspect.instead).c_str(),
                  then);
    return text;
  }
  return "";
}

}  // namespace paretune
