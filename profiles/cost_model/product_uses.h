// The matrix products of a step under a policy, and how they are carried out under a config.
#pragma once

#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/engine/segment.h"
#include "runtime/model/model_shape.h"

namespace paretune {

struct ProductUse {
  const WeightFormat* weights = nullptr;
  int n = 0, k = 0;
  double times = 1;       // in a step: layers that are alike
  bool every_row = true;  // or only rows that want logits
  bool expert = false;    // the step's rows are shared among the experts that they choose
  bool operator==(const ProductUse&) const = default;
};

// Compensations and removed neurons included; equal ones counted together.
std::vector<ProductUse> product_uses(const Policy& policy, const ModelShape& shape);

// How the model carries a product out (as Model::plans_for).
MatmulPlans plans_for(const ProductUse& use, Phase phase, const DeployConfig& config,
                      const KernelTable& kernels);

}  // namespace paretune
