#include "profiles/cost_model/product_uses.h"

#include <algorithm>

#include "runtime/compression/narrowing.h"
#include "runtime/engine/model.h"

namespace paretune {

std::vector<ProductUse> product_uses(const Policy& policy, const ModelShape& whole) {
  const ModelShape shape = narrowed(whole, policy);
  std::vector<ProductUse> uses;
  const auto add = [&](const ProductUse& use) {
    const auto same = std::ranges::find_if(uses, [&](ProductUse other) {
      other.times = use.times;
      return other == use;
    });
    if (same == uses.end()) {
      uses.push_back(use);
    } else {
      same->times += use.times;
    }
  };
  for (const Model::Product& product : Model::products(shape)) {
    const bool expert = shape.n_experts > 0 &&
                        (product.kind == LayerKind::gate_up || product.kind == LayerKind::down);
    for (int layer = 0; layer < (product.every_row ? shape.n_layers : 1); ++layer) {
      const Treatment& treatment = policy.at(product.kind, layer);
      add({treatment.format, product.n, product.k, 1, product.every_row, expert});
      if (const int side = expert ? 0 : treatment.side_columns(); side > 0) {
        add({&kBf16, side, product.k, 1, product.every_row, false});
        add({&kBf16, product.n, side, 1, product.every_row, false});
      }
    }
  }
  if (shape.n_experts > 0)
    add({&kF32, shape.n_experts, shape.d_model, double(shape.n_layers), true, false});
  return uses;
}

MatmulPlans plans_for(const ProductUse& use, Phase phase, const DeployConfig& config,
                      const KernelTable& kernels) {
  const bool prefill = phase == Phase::prefill;
  const std::string_view kernel = prefill ? config.prefill_kernel.name : config.decode_kernel.name;
  const Activations activations = effective_activations(config, *use.weights);
  if (kernel != "tuned") return MatmulPlans(default_plan(kernel, *use.weights, activations));
  return kernels.plans(*use.weights, activations, use.n, use.k,
                       prefill ? config.prefill_threads : config.decode_threads);
}

}  // namespace paretune
