// Deployments that an experienced engineer would try first. The search measures them before its own
// proposals: it may not end behind what the field already knows.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "runtime/deploy_config.h"

namespace paretune {

struct StartingPoint {
  std::string_view name;
  std::array<std::string_view, 8>
      settings;  // "knob=value" over the default config; empty ones end the list
};

inline constexpr std::array kStartingPoints{
    StartingPoint{"W8A8",
                  {"attention_weights=int8", "mlp_weights=int8", "output_weights=int8",
                   "activations=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{
        "W8A8, int8 cache, large batch",
        {"attention_weights=int8", "mlp_weights=int8", "output_weights=int8", "activations=int8",
         "kv_cache=int8", "max_batch_size=32", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"W4A8",
                  {"attention_weights=int4_g128", "mlp_weights=int4_g128", "output_weights=int8",
                   "activations=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{
        "W4A8 by GPTQ",
        {"attention_weights=int4_g32", "mlp_weights=int4_g32", "output_weights=int8_g32",
         "quantizer=gptq", "activations=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"large batch",
                  {"max_batch_size=32", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"full precision",
                  {"attention_weights=f32", "mlp_weights=f32", "output_weights=f32",
                   "activations=f32", "kv_cache=f32", "max_batch_size=32"}},
};

DeployConfig apply(const StartingPoint& point, const Target& target);

}  // namespace paretune
