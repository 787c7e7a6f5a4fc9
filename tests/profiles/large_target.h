// A target too large for what the demo model has time for.
#pragma once

#include "runtime/target.h"

namespace paretune {

// The 1.1B shape on two cores.
inline Target large_target() {
  Target target;
  target.machine.cores = 2;
  target.model = {.n_layers = 22,
                  .d_model = 2048,
                  .n_heads = 32,
                  .n_kv_heads = 4,
                  .head_dim = 64,
                  .d_ff = 5632,
                  .vocab_size = 32000,
                  .max_seq_len = 2048};
  return target;
}

}  // namespace paretune
