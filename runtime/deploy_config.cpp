#include "runtime/deploy_config.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace paretune {
namespace {

bool runs_here(std::string_view family) {
  return std::ranges::any_of(matmul_variants(), [&](const MatmulVariant& v) {
    return v.family == family && cpu_has(v.needs);
  });
}

// A resolved kernel for each weight format the model is multiplied in; equal lists mean equal
// kernels.
std::vector<const MatmulVariant*> resolved(const DeployConfig& config, const Target& target,
                                           std::string_view family) {
  std::vector<const WeightFormat*> formats = config.weights.formats();
  if (target.model.n_experts > 0) formats.push_back(&kF32);  // routers
  std::vector<const MatmulVariant*> kernels;
  for (const WeightFormat* format : formats) {
    kernels.push_back(&resolve_matmul(family, *format, effective_activations(config, *format)));
  }
  return kernels;
}

// The first family, in the order of preference, that runs the same kernels.
void canonical_kernel(DeployConfig& config, const Target& target,
                      OneOf<kMatmulKernels> DeployConfig::*field) {
  if ((config.*field).name == "tuned") return;
  const auto kernels = resolved(config, target, (config.*field).name);
  for (const std::string_view family : kKernelFamilies) {
    if (runs_here(family) && resolved(config, target, family) == kernels) {
      (config.*field).name = family;
      return;
    }
  }
}

// Of two policies that treat every layer alike, one is left.
void name_most(Policy& policy, int n_layers) {
  for (const LayerKindInfo& info : kLayerKinds) {
    if (!info.per_layer || policy.treatments(info.kind).size() == 1) continue;
    std::vector<Treatment> layers;
    for (int layer = 0; layer < n_layers; ++layer) layers.push_back(policy.at(info.kind, layer));
    const auto most = std::ranges::max_element(
        layers, {}, [&](const Treatment& one) { return std::ranges::count(layers, one); });
    policy.set(info.kind, *most);
    for (int layer = 0; layer < n_layers; ++layer) {
      policy.set(info.kind, layer, layers[static_cast<std::size_t>(layer)]);
    }
  }
}

constexpr std::array kConstraints{
    Constraint{
        "a quantizer needs a grid",
        "methods differ where groups or rows of weights have a scale each; elsewhere all round "
        "to nearest",
        [](DeployConfig& c, const Target&) {
          c.weights.rewrite([](Treatment treatment) {
            if (!applies(*treatment.quantizer, *treatment.format))
              treatment.quantizer = &kQuantizers[0];
            return treatment;
          });
        }},
    Constraint{
        "smoothing needs integers",
        "scales are moved for layers whose weights are integers; turning the stream pays only "
        "where something is rounded to integers",
        [](DeployConfig& c, const Target& t) {
          if (c.smoothing.name == "hadamard") {
            const bool any = std::ranges::any_of(
                c.weights.formats(), [](const WeightFormat* one) { return one->integer; });
            if (!any) c.smoothing = {};
            return;
          }
          const auto integer = [&](LayerKind kind) {
            return std::ranges::any_of(c.weights.treatments(kind),
                                       [](const Treatment& one) { return one.format->integer; });
          };
          const bool mlp =
              t.model.n_experts == 0 && (integer(LayerKind::gate_up) || integer(LayerKind::down));
          if (!integer(LayerKind::qkv) && !mlp) c.smoothing = {};
        }},
    Constraint{"layers of a kind are named once",
               "a kind's treatment is the one that most of its layers have",
               [](DeployConfig& c, const Target& t) { name_most(c.weights, t.model.n_layers); }},
    Constraint{"static scales need SmoothQuant",
               "without it few inputs are much larger than all others, and one scale for all "
               "tokens is theirs",
               [](DeployConfig& c, const Target&) {
                 if (c.activations.name == kStaticInt8 && c.smoothing.name != "smoothquant")
                   c.activations.name = "int8";
               }},
    Constraint{"activations need a partner",
               "a cast of activations acts only where weights of its kind exist: int8 with integer "
               "weights, bf16 with "
               "bf16 weights",
               [](DeployConfig& c, const Target&) {
                 bool integer = false, bf16 = false;
                 for (const WeightFormat* format : c.weights.formats()) {
                   integer |= format->integer;
                   bf16 |= format == &kBf16;
                 }
                 if (casts_to_int8(c.activations.name) && !integer) c.activations.name = "bf16";
                 if (c.activations.name == "bf16" && !bf16) c.activations.name = "f32";
               }},
    Constraint{"one name per prefill kernel",
               "families that fall back to the same kernels are the same",
               [](DeployConfig& c, const Target& t) {
                 canonical_kernel(c, t, &DeployConfig::prefill_kernel);
               }},
    Constraint{"one name per decode kernel",
               "families that fall back to the same kernels are the same",
               [](DeployConfig& c, const Target& t) {
                 canonical_kernel(c, t, &DeployConfig::decode_kernel);
               }},
    Constraint{
        "one name per attention kernel", "kernels that fall back to the same one are the same",
        [](DeployConfig& c, const Target&) {
          // The kernel's own name, whatever richer one fell back to it.
          c.attention_kernel.name = resolve_attention(c.attention_kernel.name, *c.kv_cache).name;
        }},
    Constraint{"a page fits the context", "a page longer than the context wastes the rest of it",
               [](DeployConfig& c, const Target& t) {
                 c.kv_page_tokens = std::min(c.kv_page_tokens, std::max(1, t.model.max_seq_len));
               }},
    Constraint{"a page holds whole windows",
               "formats that store keys by channel do so once a window of tokens is full",
               [](DeployConfig& c, const Target&) {
                 const int window = std::max(1, c.kv_cache->window);
                 c.kv_page_tokens = (c.kv_page_tokens + window - 1) / window * window;
               }},
    Constraint{"threads are cores", "more threads than cores take turns instead of running",
               [](DeployConfig& c, const Target& t) {
                 c.prefill_threads = std::clamp(c.prefill_threads, 1, t.machine.cores);
                 c.decode_threads = std::clamp(c.decode_threads, 1, t.machine.cores);
               }},
    Constraint{"rows are sharded among threads",
               "one thread has nothing to share; experts gather rows from all threads, and caches "
               "with a window settle it together",
               [](DeployConfig& c, const Target& t) {
                 const int threads = std::max(c.prefill_threads, c.decode_threads);
                 if (!shards_rows(c, t.model, threads, std::numeric_limits<int>::max()))
                   c.shard_rows_from = 0;
               }},
};

std::vector<int> powers_of_two(int from, int to) {
  std::vector<int> values;
  for (int value = from; value <= to; value *= 2) values.push_back(value);
  if (values.empty()) values.push_back(from);
  return values;
}

// Names of a list, in reverse: domains are ordered from plain to ambitious where the lists are best
// first.
template <const auto& kList>
std::vector<OneOf<kList>> every() {
  std::vector<OneOf<kList>> values;
  for (const std::string_view name : kList) values.push_back({name});
  return values;
}

}  // namespace

std::string_view effect_name(Effect effect) {
  constexpr std::array<std::string_view, 3> kNames{"exact", "rounding", "quality"};
  return kNames[static_cast<std::size_t>(effect)];
}

Activations effective_activations(const DeployConfig& config, const WeightFormat& weights) {
  if (casts_to_int8(config.activations.name) && weights.integer) return Activations::int8;
  if (config.activations.name != "f32" && &weights == &kBf16) return Activations::bf16;
  return Activations::f32;
}

bool shards_rows(const DeployConfig& config, const ModelShape& model, int threads, int rows) {
  return config.shard_rows_from > 0 && rows >= std::max(config.shard_rows_from, threads) &&
         threads > 1 && model.n_experts == 0 && config.kv_cache->window == 0;
}

std::vector<Policy> policy_choices(const Target& target) {
  return target.policies.empty() ? uniform_policies(target.open_layers) : target.policies;
}
std::vector<OneOf<kSmootherNames>> smoothing_choices(const Target& target) {
  std::vector<OneOf<kSmootherNames>> values = every<kSmootherNames>();
  if (!target.calibrates)
    std::erase_if(values, [](const auto& smoother) { return needs_statistics(smoother.name); });
  return values;
}
std::vector<OneOf<kActivationCasts>> activation_choices(const Target& target) {
  std::vector<OneOf<kActivationCasts>> values = every<kActivationCasts>();
  if (!target.calibrates)
    std::erase_if(values, [](const auto& cast) { return cast.name == kStaticInt8; });
  return values;
}
std::vector<const KvFormat*> kv_choices(const Target&) {
  return {kKvFormats.begin(), kKvFormats.end()};
}

// "scalar" is the reference that tests compare with; where anything faster runs, nobody deploys it.
std::vector<OneOf<kMatmulKernels>> kernel_choices(const Target&) {
  std::vector<OneOf<kMatmulKernels>> families{{"tuned"}};
  for (const std::string_view family : kKernelFamilies) {
    if (family != "scalar" && runs_here(family)) families.push_back({family});
  }
  if (families.size() == 1) families.push_back({"scalar"});
  return families;
}

std::vector<OneOf<kAttentionKernels>> attention_choices(const Target&) {
  std::vector<OneOf<kAttentionKernels>> kernels;
  for (const std::string_view name : kAttentionKernels) {
    const AttentionVariant& variant = resolve_attention(name, kKvF32);
    if (variant.name == name && name != "scalar") kernels.push_back({name});
  }
  if (kernels.empty()) kernels.push_back({"scalar"});
  return kernels;
}

std::vector<OneOf<kSchedules>> schedule_choices(const Target&) { return every<kSchedules>(); }

std::vector<int> shard_choices(const Target&) { return {0, 1, 16, 64, 256}; }

std::vector<int> thread_choices(const Target& target) {
  std::vector<int> threads = powers_of_two(1, target.machine.cores);
  for (const int all : {target.machine.physical_cores, target.machine.cores}) {
    if (std::ranges::find(threads, all) == threads.end()) threads.push_back(all);
  }
  std::ranges::sort(threads);
  return threads;
}

std::vector<int> batch_choices(const Target&) { return powers_of_two(1, 64); }

std::vector<int> chunk_choices(const Target& target) {
  return powers_of_two(16, std::clamp(target.model.max_seq_len, 16, 4096));
}

std::vector<int> page_choices(const Target&) { return powers_of_two(16, 64); }

// As many tokens as the largest batch of whole contexts needs, or as a quarter of the memory holds
// in f32.
std::vector<int> cache_choices(const Target& target) {
  const ModelShape& m = target.model;
  const double token_bytes = 2.0 * m.n_layers * m.n_kv_heads * m.head_dim * sizeof(float);
  const double fits =
      0.25 * static_cast<double>(target.machine.memory_bytes) / std::max(1.0, token_bytes);
  const double wanted = 64.0 * m.max_seq_len;
  return {static_cast<int>(std::clamp(std::min(fits, wanted), 256.0, 1e9))};
}

std::vector<bool> on_off(const Target&) { return {false, true}; }

DeployConfig default_config(const Target& target) {
  DeployConfig config;
  config.activations.name = "bf16";                   // as other runtimes multiply bf16 weights
  config.prefill_kernel = kernel_choices(target)[1];  // the best family, untuned
  config.decode_kernel = kernel_choices(target)[1];
  config.attention_kernel = attention_choices(target).front();
  // Siblings share the units that matrix kernels keep busy; the search may still want them.
  config.prefill_threads = target.machine.physical_cores;
  config.decode_threads = target.machine.physical_cores;
  config.prefill_chunk = std::min(512, chunk_choices(target).back());
  config.kv_cache_tokens = cache_choices(target).front();
  return canonical(config, target);
}

std::span<const Constraint> constraints() { return kConstraints; }

void check_config(const DeployConfig& c, const Target& target) {
  const auto at_most = [](std::string_view knob, double found, double limit, std::string_view why) {
    if (found <= limit) return;
    throw std::runtime_error(std::string(knob) + ": found " + std::to_string(std::int64_t(found)) +
                             ", allowed: at most " + std::to_string(std::int64_t(limit)) + ", " +
                             std::string(why));
  };
  const ModelShape& m = target.model;
  at_most("weights: a layer", c.weights.last_layer(), m.n_layers - 1, "the model's last");
  at_most("prefill_threads", c.prefill_threads, 4096, "threads of one process");
  at_most("decode_threads", c.decode_threads, 4096, "threads of one process");
  at_most("max_batch_size", c.max_batch_size, 65536, "sequences of one engine");
  at_most("prefill_chunk", c.prefill_chunk, 1 << 20, "tokens of one step");
  at_most("kv_page_tokens", c.kv_page_tokens, 1 << 16, "tokens of one page");
  if (c.kv_cache->window > 0 && c.kv_page_tokens % c.kv_cache->window != 0) {
    throw std::runtime_error("kv_page_tokens: found " + std::to_string(c.kv_page_tokens) +
                             ", allowed with kv_cache=" + std::string(c.kv_cache->name) +
                             ": multiples of " + std::to_string(c.kv_cache->window));
  }
  const double layers = m.n_layers;
  const double token_bytes =
      layers * double(kv_page_bytes(*c.kv_cache, 1, m.n_kv_heads, m.head_dim));
  const double windows =
      layers * c.max_batch_size *
      double(kv_recent_bytes(*c.kv_cache, c.kv_cache->window, m.n_kv_heads, m.head_dim));
  at_most("kv_cache_tokens", c.kv_cache_tokens,
          (double(target.machine.memory_bytes) - windows) / token_bytes,
          "what this machine's memory holds of this model");
  if (casts_to_int8(c.activations.name)) {
    // Sums of int8 products stay exact in 32 bits (kernels/matmul.h).
    at_most("activations=int8 with a matrix of inputs",
            std::max({m.d_model, m.d_ff, m.n_heads * m.head_dim}), 1 << 17,
            "so that 32-bit sums do not overflow");
  }
}

DeployConfig canonical(DeployConfig config, const Target& target) {
  for (const Constraint& constraint : kConstraints) constraint.apply(config, target);
  return config;
}

}  // namespace paretune
