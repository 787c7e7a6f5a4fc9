// The residual stream turned by an orthogonal matrix Q, which changes nothing in exact arithmetic
// and spreads outliers over all channels (QuaRot, Ashkboos et al., arXiv:2404.00456, its offline
// part):
//   embeddings, and what reads the stream       W' = W diag(norm's weights) Q; norms become ones
//   what writes it (attention output, down)     W' = Qᵀ W
// Q is random signs, the same for every model, then Hadamard matrices along the diagonal, as large
// as the largest power of two that divides d_model.
#pragma once

#include <memory>
#include <span>

#include "runtime/model/model_source.h"

namespace paretune {

// v (d) becomes v Q, or Qᵀ v: both are the same numbers.
void rotate_stream(std::span<float> v);

// Qᵀ W of W (rows, columns), in place.
void rotate_stream_rows(std::span<float> w, std::size_t rows, std::size_t columns);

std::unique_ptr<ModelSource> rotated(std::unique_ptr<ModelSource> source);

}  // namespace paretune
