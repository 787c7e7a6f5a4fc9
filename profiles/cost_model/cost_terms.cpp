#include "profiles/cost_model/cost_terms.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace paretune {
namespace {

int threads_of(const DeployConfig& config, Phase phase) {
  return phase == Phase::prefill ? config.prefill_threads : config.decode_threads;
}

std::string_view phase_name(Phase phase) { return phase == Phase::prefill ? "prefill" : "decode"; }

// Seconds of a use's products in a step of m rows.
double seconds_of_use(const OperatorTimes& times, const ProductUse& use, const MatmulPlans& plans,
                      const ModelShape& shape, int threads, int m) {
  if (!use.expert) {
    const double cast = times.prepare(*plans.at(m).variant, use.k) * m / threads;
    return use.times * (times.product(*use.weights, plans, use.n, use.k, threads, m) + cast);
  }
  // Experts are chosen as if by chance: this many of them by at least one row.
  const double chance = double(shape.n_experts_used) / shape.n_experts;
  const double chosen = shape.n_experts * (1 - std::pow(1 - chance, m));
  const int rows = std::max(1, static_cast<int>(std::lround(m * shape.n_experts_used / chosen)));
  return use.times * chosen * times.product(*use.weights, plans, use.n, use.k, threads, rows);
}

}  // namespace

CostTerms::CostTerms(Target target, KernelTable kernels, OperatorTimes times)
    : target_(std::move(target)), kernels_(std::move(kernels)), times_(std::move(times)) {}

PhaseTerms CostTerms::product_terms(const DeployConfig& config, Phase phase) const {
  const ModelShape& s = target_.model;
  const int threads = threads_of(config, phase);
  const auto by_rows = [&](int m) { return shards_rows(config, s, threads, m); };
  PhaseTerms result;
  const WeightFormat* main_format = nullptr;  // of the most weights
  double most = 0;
  for (const ProductUse& use : product_uses(config.weights, s)) {
    const MatmulPlans plans = plans_for(use, phase, config, kernels_);
    result.terms[kProducts].add_table(use.every_row ? kRowsAt : kLogitRowsAt, [&](int m) {
      return use.every_row && by_rows(m)
                 ? seconds_of_use(times_, use, plans, s, 1, (m + threads - 1) / threads)
                 : seconds_of_use(times_, use, plans, s, threads, m);
    });
    if (const double weights = use.times * use.n * use.k; weights > most) {
      most = weights;
      main_format = use.weights;
    }
  }
  result.terms[kStep].add_table(kRowsAt, [](int) { return 1.0; });
  const double elements =
      double(s.n_layers) *
      (8.0 * s.d_model + 4.0 * s.n_heads * s.head_dim + 4.0 * s.n_kv_heads * s.head_dim +
       3.0 * s.d_ff * (s.n_experts > 0 ? s.n_experts_used : 1));
  result.terms[kElements].add_table(kRowsAt, [&](int m) { return elements * m / threads; });
  result.terms[kSequences][kSequencesAt] = 1;
  result.terms[kSampling].add_table(kLogitRowsAt, [&](int m) { return double(s.vocab_size) * m; });
  if (threads > 1) {
    result.terms[kProductsShared] = result.terms[kProducts];
    result.terms[kLayersShared].add_table(kRowsAt, [&](int) { return double(s.n_layers); });
    for (std::size_t i = 0; i < kKnots; ++i) {  // rows that are nobody else's
      if (by_rows(kRowKnots[i]))
        result.terms[kProductsShared][kRowsAt + i] = result.terms[kLayersShared][kRowsAt + i] = 0;
    }
  }
  const std::string name(phase_name(phase)),
      many = std::to_string(threads) + " threads" + (config.shard_rows_from > 0 ? " by rows" : "");
  const Activations activations = effective_activations(config, *main_format);
  const std::string kernel(phase == Phase::prefill ? config.prefill_kernel.name
                                                   : config.decode_kernel.name);
  const std::string cast(kActivationCasts[static_cast<std::size_t>(activations)]);
  result.buckets = {
      name, name + ", " + many, name + ", " + kernel + ", " + cast,
      name + ", " + std::string(main_format->name) + ", " + cast,
      name + ", " + kernel + ", " + std::string(main_format->name) + ", " + cast + ", " + many};
  return result;
}

PhaseTerms CostTerms::attention_terms(const DeployConfig& config, Phase phase) const {
  const ModelShape& s = target_.model;
  const int threads = threads_of(config, phase);
  const AttentionVariant& variant =
      resolve_attention(config.attention_kernel.name, *config.kv_cache);
  // A kernel that was not timed is taken for the slowest of those that were.
  AttentionTime time;
  if (const auto found = times_.attention.find(&variant); found != times_.attention.end()) {
    time = found->second;
  } else {
    for (const auto& [other, t] : times_.attention) {
      if (t.single_context > time.single_context) time = t;
    }
  }
  const double share = double(s.n_layers) / threads;
  PhaseTerms result;
  PhaseCost& attention = result.terms[kAttention];
  attention[kSingleRowsAt] = time.single_row * share;
  attention[kSingleContextAt] = time.single_context * share;
  attention[kChunkRowsAt] = time.chunk_row * share;
  attention[kChunkPairsAt] = time.chunk_pair * share;
  if (threads > 1) result.terms[kAttentionShared] = attention;
  double store = 0;
  for (const auto& [format, seconds] : times_.store_row) store = std::max(store, seconds);
  if (const auto found = times_.store_row.find(config.kv_cache); found != times_.store_row.end())
    store = found->second;
  result.terms[kCasts].add_table(kRowsAt, [&](int m) { return store * m * share; });
  result.buckets = {std::string(phase_name(phase)) + ", cache " +
                    std::string(config.kv_cache->name) + ", " + std::string(variant.name)};
  return result;
}

PhaseTerms CostTerms::terms(const DeployConfig& config, Phase phase) const {
  PhaseTerms sum = product_terms(config, phase);
  const PhaseTerms more = attention_terms(config, phase);
  for (std::size_t i = 0; i < kCostTerms; ++i) sum.terms[i] += more.terms[i];
  sum.buckets.insert(sum.buckets.end(), more.buckets.begin(), more.buckets.end());
  return sum;
}

}  // namespace paretune
