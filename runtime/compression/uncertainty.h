// How unsure a model is of the token that comes next: 1 - Σ p², with p its probabilities.
//
// What a rounded output head loses: errors of the logits that are independent and of variance σ²
// move the distribution by a KL divergence of σ² (1 - Σ p²) / 2 on average. So what the head is
// given weighs as much as the model is unsure there.
#pragma once

#include <span>

#include "runtime/model/model_source.h"

namespace paretune {

// x: (rows, d_model) inputs of the output head; out: (rows). Threads that share the rows in
// multiples of kUncertainRows find what one would. What the model's rows are is read once a call.
inline constexpr int kUncertainRows = 256;
void uncertainty(const ModelSource& source, std::span<const float> x, std::span<float> out);

// Square roots of each over their mean, by which rows are multiplied so that their second moments
// are weighted ones; ones where the model is sure of everything.
void to_row_weights(std::span<float> uncertainty);

}  // namespace paretune
