// A deployment as a value: every field is a knob, and one row of kKnobs says all there is to say
// about it. The runtime reads these fields where it acts on them; search space, flags, JSON, store
// and reports walk kKnobs.
#pragma once

#include <array>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernels/attention.h"
#include "kernels/kv_format.h"
#include "kernels/matmul.h"
#include "kernels/weight_format.h"
#include "runtime/compression/policy.h"
#include "runtime/compression/smoothing.h"
#include "runtime/target.h"

namespace paretune {

// One name out of a constexpr list of names.
template <const auto& kList>
struct OneOf {
  std::string_view name = kList[0];
  bool operator==(const OneOf&) const = default;
  static constexpr const auto& all() { return kList; }
};

// What activations may be cast to before they meet the weights: f32 never casts; bf16 casts where
// weights are bf16; int8 does that too and quantizes per token where weights are integers;
// int8_static quantizes all tokens by the largest input that calibration saw, after SmoothQuant
// (but the output head's inputs per token).
inline constexpr std::string_view kStaticInt8 = "int8_static";
inline constexpr std::array<std::string_view, 4> kActivationCasts{"f32", "bf16", "int8",
                                                                  kStaticInt8};
// tuned: for every product and number of rows the plan that the kernel tuner found fastest on this
// machine (runtime/engine/kernel_table.h). The others: one family (kernels/matmul.h) throughout.
inline constexpr std::array<std::string_view, 8> kMatmulKernels{
    "tuned", "amx", "vnni", "avx512", "avx2", "openblas", "onednn", "scalar"};
inline constexpr std::array<std::string_view, 7> kAttentionKernels{
    "plain_avx512", "tiled_avx512", "split_avx512", "plain_avx2",
    "tiled_avx2",   "split_avx2",   "scalar"};
// mixed: each step decodes all running sequences and fills the token budget with prompt chunks
// (Sarathi-Serve). prefill_first: while prompts wait, steps hold prompt chunks only; decodes pause
// (vLLM v0).
inline constexpr std::array<std::string_view, 2> kSchedules{"mixed", "prefill_first"};

struct DeployConfig {
  Policy weights;
  OneOf<kSmootherNames> smoothing;
  OneOf<kActivationCasts> activations;
  const KvFormat* kv_cache = &kKvBf16;
  OneOf<kMatmulKernels> prefill_kernel;
  OneOf<kMatmulKernels> decode_kernel;
  OneOf<kAttentionKernels> attention_kernel;
  int prefill_threads = 1;
  int decode_threads = 1;
  int max_batch_size = 8;   // sequences that run at once
  int prefill_chunk = 256;  // tokens per step, decodes included
  OneOf<kSchedules> schedule;
  int shard_rows_from = 0;  // tokens of a step; 0: none is sharded by rows
  int kv_page_tokens = 32;
  int kv_cache_tokens = 4096;  // capacity of the cache, all sequences together
  bool prefix_caching = true;

  bool operator==(const DeployConfig&) const = default;
};

enum class Effect { exact, rounding, quality };  // what the knob may do to the logits
std::string_view effect_name(Effect effect);

template <class T>
struct Knob {
  std::string_view name;  // its one spelling: flag, JSON key, report heading
  T DeployConfig::*field;
  Effect effect;
  std::string_view help;
  std::vector<T> (*choices)(const Target&);  // its domain on this machine and model, ordered
  int least = 1;                             // of an integer, in a file or a flag
};

// Domains, in deploy_config.cpp.
std::vector<Policy> policy_choices(const Target&);
std::vector<OneOf<kSmootherNames>> smoothing_choices(const Target&);
std::vector<OneOf<kActivationCasts>> activation_choices(const Target&);
std::vector<const KvFormat*> kv_choices(const Target&);
std::vector<OneOf<kMatmulKernels>> kernel_choices(const Target&);
std::vector<OneOf<kAttentionKernels>> attention_choices(const Target&);
std::vector<OneOf<kSchedules>> schedule_choices(const Target&);
std::vector<int> shard_choices(const Target&);
std::vector<int> thread_choices(const Target&);
std::vector<int> batch_choices(const Target&);
std::vector<int> chunk_choices(const Target&);
std::vector<int> page_choices(const Target&);
std::vector<int> cache_choices(const Target&);
std::vector<bool> on_off(const Target&);

inline constexpr std::tuple kKnobs{
    Knob<Policy>{"weights", &DeployConfig::weights, Effect::quality,
                 "format of every kind of layer, and how its weights are rounded to it",
                 policy_choices},
    Knob<OneOf<kSmootherNames>>{
        "smoothing", &DeployConfig::smoothing, Effect::quality,
        "scales moved between norms and weights before integer weights are rounded",
        smoothing_choices},
    Knob<OneOf<kActivationCasts>>{
        "activations", &DeployConfig::activations, Effect::quality,
        "lowest precision that activations are cast to before a matrix product",
        activation_choices},
    Knob<const KvFormat*>{"kv_cache", &DeployConfig::kv_cache, Effect::quality,
                          "format of cached keys and values", kv_choices},
    Knob<OneOf<kMatmulKernels>>{
        "prefill_kernel", &DeployConfig::prefill_kernel, Effect::rounding,
        "matrix kernels of steps that hold prompt tokens, or the next best for a format they lack",
        kernel_choices},
    Knob<OneOf<kMatmulKernels>>{
        "decode_kernel", &DeployConfig::decode_kernel, Effect::rounding,
        "matrix kernels of steps that only decode, or the next best for a format they lack",
        kernel_choices},
    Knob<OneOf<kAttentionKernels>>{
        "attention_kernel", &DeployConfig::attention_kernel, Effect::rounding,
        "attention kernel: plain for short contexts, tiled for long ones", attention_choices},
    Knob<int>{"prefill_threads", &DeployConfig::prefill_threads, Effect::exact,
              "pinned threads in steps that hold prompt tokens", thread_choices},
    Knob<int>{"decode_threads", &DeployConfig::decode_threads, Effect::exact,
              "pinned threads in steps that only decode", thread_choices},
    Knob<int>{"max_batch_size", &DeployConfig::max_batch_size, Effect::rounding,
              "sequences that run at once", batch_choices},
    Knob<int>{"prefill_chunk", &DeployConfig::prefill_chunk, Effect::rounding,
              "token budget of one step", chunk_choices},
    Knob<OneOf<kSchedules>>{"schedule", &DeployConfig::schedule, Effect::rounding,
                            "mixed: prompt chunks ride with decodes; prefill_first: decodes wait",
                            schedule_choices},
    Knob<int>{"shard_rows_from", &DeployConfig::shard_rows_from, Effect::rounding,
              "from so many tokens of a step on each thread takes some of them through all layers; "
              "below, or with 0, all threads share each product",
              shard_choices, 0},
    Knob<int>{"kv_page_tokens", &DeployConfig::kv_page_tokens, Effect::exact,
              "tokens per page of the KV cache", page_choices},
    Knob<int>{"kv_cache_tokens", &DeployConfig::kv_cache_tokens, Effect::exact,
              "tokens the KV cache holds, all sequences together", cache_choices},
    Knob<bool>{"prefix_caching", &DeployConfig::prefix_caching, Effect::rounding,
               "reuse the cached pages of prompts that begin alike", on_off},
};

// Calls visit(knob) for every row, in order.
template <class Visit>
constexpr void for_each_knob(Visit&& visit) {
  std::apply([&](const auto&... knob) { (visit(knob), ...); }, kKnobs);
}

namespace internal {
struct Anything {
  template <class T>
  constexpr operator T() const;
};
template <class T, class... Args>
consteval std::size_t count_fields() {
  if constexpr (requires { T{Args{}..., Anything{}}; }) {
    return count_fields<T, Args..., Anything>();
  } else {
    return sizeof...(Args);
  }
}
}  // namespace internal
static_assert(std::tuple_size_v<decltype(kKnobs)> == internal::count_fields<DeployConfig>(),
              "a field without a knob");

// What an engineer would start with, untuned: bf16 weights, every core, the best kernels of the
// machine.
DeployConfig default_config(const Target& target);

// A rule between knobs, with its reason. Applying it rewrites a config into the one that means the
// same.
struct Constraint {
  std::string_view name;
  std::string_view reason;
  void (*apply)(DeployConfig& config, const Target& target);
};
std::span<const Constraint> constraints();

// All constraints applied, in order: two configs mean the same on this target if and only if their
// canonical forms are equal. Idempotent.
DeployConfig canonical(DeployConfig config, const Target& target);

// Whether these threads shard a step of so many tokens by rows.
bool shards_rows(const DeployConfig& config, const ModelShape& model, int threads, int rows);

// Throws std::runtime_error naming the knob, what was found and what is allowed where this machine
// cannot hold the config (it came from a file or a flag). Slower than it need be is allowed.
void check_config(const DeployConfig& config, const Target& target);

// Whether the cast is to int8, dynamic or static.
constexpr bool casts_to_int8(std::string_view activations) {
  return activations == "int8" || activations == kStaticInt8;
}
// The activations that matrix products with these weights get under this config.
Activations effective_activations(const DeployConfig& config, const WeightFormat& weights);

}  // namespace paretune
