#include "profiles/cost_model/step_shape.h"

namespace paretune {

StepShape shape_of(std::span<const Segment> segments, Phase phase) {
  StepShape shape{.phase = phase, .sequences = static_cast<int>(segments.size())};
  for (const Segment& segment : segments) {
    const int n = static_cast<int>(segment.tokens.size());
    shape.rows += n;
    shape.logit_rows += n - segment.logits_from;
    if (n == 1) {
      ++shape.single_rows;
      shape.single_context += segment.past + 1;
    } else {
      shape.chunk_rows += n;
      shape.chunk_pairs += double(n) * segment.past + 0.5 * double(n) * (n + 1);
    }
  }
  return shape;
}

}  // namespace paretune
