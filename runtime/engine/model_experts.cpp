// The mixture-of-experts form of a layer's MLP:
//   x = h + Σ_e p_e · Wdown_e · (silu(Wgate_e·m) * (Wup_e·m))   over the experts e that the router
// chose for the token. Rows are gathered by expert; each expert's product is planned by its number
// of rows.
#include <algorithm>

#include "kernels/elementwise.h"
#include "kernels/packing.h"
#include "runtime/engine/block_results.h"
#include "runtime/engine/model.h"
#include "runtime/engine/rows.h"

namespace paretune {
namespace {

// Where each expert's prepared rows lie: at least prepared_bytes apart, whatever the plan.
std::size_t prepared_offset(const MatmulPlans& plans, int k, int assignment, int expert) {
  std::size_t row_bytes = 0, least = 0;
  for (const auto& [rows, plan] : plans.by_rows()) {
    row_bytes = std::max(row_bytes, plan.variant->row_bytes(k));
    least = std::max(least, plan.variant->prepared_bytes(1, k));
  }
  return static_cast<std::size_t>(assignment) * round_up_64(row_bytes) +
         static_cast<std::size_t>(expert) * round_up_64(least);
}

}  // namespace

std::size_t Model::expert_prepared_bytes(const Matrix& matrix, Phase phase, int assignments) const {
  return prepared_offset(matrix.plans[static_cast<std::size_t>(phase)], matrix.packed.k,
                         assignments, shape().n_experts);
}

void Model::run_experts(int index, Phase phase, Workspace& w, Team& team) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const int rows = static_cast<int>(w.row_segment.size());
  const Team::Range mine = team.share(rows);
  float* const scratch = w.scratch[static_cast<std::size_t>(team.rank())].data();
  ExpertRouting& routing = w.routing;
  const auto used = static_cast<std::size_t>(s.n_experts_used);

  const MatmulPlan& router = layer.router.plan(phase, rows);
  for (int r = mine.begin; r < mine.end; ++r) {
    rms_norm(row_of(w.x, r, s.d_model), layer.mlp_norm, s.rms_epsilon, row_of(w.y, r, s.d_model));
  }
  router.variant->prepare(w.y.data(), rows, s.d_model, mine.begin, mine.end, w.prepared.data());
  team.barrier();
  if (w.observer) w.observer->observe(InputSite::gate_up, index, rows, w.y.data(), team);
  multiply_blocks(
      router, w.prepared.data(), rows, layer.router.packed, 1, team, scratch,
      [&](const MatmulBlock& block) { copy_block(block, w.router_logits.data(), s.n_experts); });
  team.barrier();
  for (int r = mine.begin; r < mine.end; ++r) {
    const std::size_t at = static_cast<std::size_t>(r) * used;
    choose_experts(row_of(w.router_logits, r, s.n_experts), s.renormalized_experts,
                   std::span(routing.experts).subspan(at, used),
                   std::span(routing.weights).subspan(at, used));
  }
  team.barrier();
  if (team.rank() == 0) routing.group();
  team.barrier();

  const Team::Range gathered = team.share(static_cast<int>(routing.assigned_row.size()));
  for (int a = gathered.begin; a < gathered.end; ++a) {
    const std::span<const float> from =
        row_of(w.y, routing.assigned_row[static_cast<std::size_t>(a)], s.d_model);
    std::ranges::copy(from, row_of(w.gathered, a, s.d_model).begin());
  }
  team.barrier();
  // One product for every expert with rows; finish(first assignment, block).
  const auto multiply = [&](const std::vector<Matrix>& matrices, std::vector<float>& x, int grain,
                            auto&& finish) {
    const int k = matrices[0].packed.k;
    const auto for_each_expert = [&](auto&& take) {
      for (int e = 0; e < s.n_experts; ++e) {
        const int begin = routing.begins[static_cast<std::size_t>(e)];
        const int end = routing.begins[static_cast<std::size_t>(e) + 1];
        if (begin == end) continue;
        const Matrix& matrix = matrices[static_cast<std::size_t>(e)];
        const MatmulPlans& plans = matrix.plans[static_cast<std::size_t>(phase)];
        take(matrix, plans.at(end - begin), begin, end - begin,
             w.prepared.data() + prepared_offset(plans, k, begin, e));
      }
    };
    for_each_expert([&](const Matrix&, const MatmulPlan& plan, int begin, int m, std::byte* to) {
      const int first = std::clamp(gathered.begin - begin, 0, m);
      const int last = std::clamp(gathered.end - begin, 0, m);
      plan.variant->prepare(x.data() + row_offset(begin, k), m, k, first, last, to);
    });
    team.barrier();
    for_each_expert(
        [&](const Matrix& matrix, const MatmulPlan& plan, int begin, int m, const std::byte* from) {
          multiply_blocks(plan, from, m, matrix.packed, grain, team, scratch,
                          [&](const MatmulBlock& block) { finish(begin, block); });
        });
    team.barrier();
  };
  multiply(layer.gate_up, w.gathered, 2 * kPairPanels, [&](int begin, const MatmulBlock& block) {
    silu_mul_block(block, row_of(w.hidden, begin, s.d_ff).data(), s.d_ff);
  });
  for (int e = 0; w.observer && e < s.n_experts; ++e) {
    const int begin = routing.begins[static_cast<std::size_t>(e)],
              count = routing.begins[static_cast<std::size_t>(e) + 1] - begin;
    if (count > 0)
      w.observer->observe(InputSite::down, index * s.n_experts + e, count,
                          row_of(w.hidden, begin, s.d_ff).data(), team);
  }
  // The gathered rows are read: the experts' answers take their place.
  multiply(layer.down, w.hidden, 1, [&](int begin, const MatmulBlock& block) {
    copy_block(block, row_of(w.gathered, begin, s.d_model).data(), s.d_model);
  });
  for (int r = mine.begin; r < mine.end; ++r) {
    const std::span<float> x = row_of(w.x, r, s.d_model);
    for (std::size_t i = 0; i < used; ++i) {
      const std::size_t pair = static_cast<std::size_t>(r) * used + i;
      const std::span<const float> y = row_of(w.gathered, routing.assignment[pair], s.d_model);
      const float weight = routing.weights[pair];
      for (std::size_t j = 0; j < x.size(); ++j) x[j] += weight * y[j];
    }
  }
  team.barrier();
}

}  // namespace paretune
