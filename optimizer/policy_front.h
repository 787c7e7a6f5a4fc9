// Mixed-precision policies proposed from what was measured of each kind of layer alone
// (profiles/sensitivity.h), and of spans of its layers (profiles/layer_losses.h): a multiple-choice
// knapsack, solved exactly.
//
// Divergences of small, independent errors add up, and so do kernel times and bytes; so a policy's
// are predicted as sums over kinds, or over spans of layers, which share what their kind loses
// under a treatment as they share what it loses under the probe. A prediction only decides what is
// tried: what a report shows of a policy was measured.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "profiles/layer_losses.h"
#include "profiles/sensitivity.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/target.h"

namespace paretune {

struct PolicyPrediction {
  Policy policy;
  double kl_divergence = 0;
  double seconds = 0;  // of matrix kernels for one request of the workload, or of reading weights
  std::uint64_t weight_bytes = 0;
};

// What a request costs in matrix products.
struct RequestShape {
  double input_tokens = 0, output_tokens = 0;  // means
  int batch = 8;                               // sequences decoded together
};

// The sum of what the policy's treatments lose alone, with nothing for the kinds that stay as full
// precision has them. nullopt: it has a treatment that was not measured, or several of one kind
// whose layers were not.
std::optional<double> predicted_kl(const Policy& policy, std::span<const Sensitivity> sensitivities,
                                   std::span<const LayerLoss> layers = {});

// Sums over what the policy's layers have; nullopt: as predicted_kl.
std::optional<PolicyPrediction> predict(const Policy& policy,
                                        std::span<const Sensitivity> sensitivities,
                                        const Target& target, const KernelTable& kernels,
                                        const RequestShape& request,
                                        std::span<const LayerLoss> layers = {});

// Compensations that do not lower the divergence by more than its standard error are no candidates.
// Of all combinations, those that no other beats in both divergence and time, thinned to about
// `count` that spread over the divergences; by time, the slowest first. Ends are kept.
// max_kl_divergence: those above are no candidates. layers: where a kind's were all measured, each
// span of them may have a treatment of its own, if that is worth more than predictions can be off.
std::vector<PolicyPrediction> policy_front(std::span<const Sensitivity> sensitivities,
                                           const Target& target, const KernelTable& kernels,
                                           const RequestShape& request, int count,
                                           double max_kl_divergence,
                                           std::span<const LayerLoss> layers = {});

}  // namespace paretune
