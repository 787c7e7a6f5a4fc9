// What a step's duration depends on: how many tokens of how many sequences it computes, and over
// how long contexts.
#pragma once

#include <span>

#include "runtime/engine/segment.h"

namespace paretune {

struct StepShape {
  Phase phase = Phase::decode;
  int rows = 0;  // tokens
  int sequences = 0;
  int logit_rows = 0;  // tokens that want logits
  // Attention treats a sequence's only token of the step as decoding, whatever the token is.
  int single_rows = 0;
  double single_context = 0;  // Σ of the positions that each of them sees
  int chunk_rows = 0;         // tokens of all other sequences
  double chunk_pairs = 0;     // Σ of the positions that each of them sees
  bool operator==(const StepShape&) const = default;
};

StepShape shape_of(std::span<const Segment> segments, Phase phase);

}  // namespace paretune
