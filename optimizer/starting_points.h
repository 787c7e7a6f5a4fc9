// Deployments that an experienced engineer would try first. The search measures them before its own
// proposals, but for those that a trial is predicted to surpass: it may not end behind what the
// field already knows.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "runtime/deploy_config.h"

namespace paretune {

struct StartingPoint {
  std::string_view name;
  std::string_view linear, output;  // treatments of the layers that are open (compression/policy.h)
  std::array<std::string_view, 6>
      settings;  // "knob=value" over the default config; empty ones end the list
};

// The cost model is calibrated on the default and the first two, whatever else it sees.
inline constexpr std::size_t kCalibratedStarts = 2;
inline constexpr std::array kStartingPoints{
    StartingPoint{"W8A8, attention in integers, rows sharded",
                  "int8",
                  "int8",
                  {"activations=int8", "kv_cache=int8_a8", "prefill_kernel=tuned",
                   "decode_kernel=tuned", "shard_rows_from=1"}},
    StartingPoint{
        "W8A8, int8 cache",
        "int8",
        "int8",
        {"activations=int8", "kv_cache=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"W8A8",
                  "int8",
                  "int8",
                  {"activations=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"W8A8, int8 cache, rows sharded",
                  "int8",
                  "int8",
                  {"activations=int8", "kv_cache=int8", "prefill_kernel=tuned",
                   "decode_kernel=tuned", "shard_rows_from=1"}},
    StartingPoint{"W8A8, int8 cache, large batch",
                  "int8",
                  "int8",
                  {"activations=int8", "smoothing=hadamard", "kv_cache=int8", "max_batch_size=32",
                   "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{
        "W4A8 by GPTQ",
        "int4_g32:gptq",
        "int8",
        {"activations=int8", "smoothing=hadamard", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"W4A8 by GPTQ, head too",
                  "int4_g128:gptq",
                  "int4_g128:gptq",
                  {"activations=int8", "prefill_kernel=tuned", "decode_kernel=tuned"}},
    StartingPoint{"large batch",
                  "bf16",
                  "bf16",
                  {"max_batch_size=32", "prefill_kernel=tuned", "decode_kernel=tuned"}},
};

// Its treatments as the target affords them (profiles/pace.h).
DeployConfig apply(const StartingPoint& point, const Target& target);

}  // namespace paretune
