// Scales of FP8 checkpoints: a matrix "X.weight" of F8_E4M3 stands for its values times those of
//   X.weight_scale_inv   (blocks of rows, blocks of columns)   DeepSeek, Qwen3-FP8
//   X.weight_scale       (), (1), (rows) or (rows, 1)          compressed-tensors, vLLM's fp8
// Sources: github.com/deepseek-ai/DeepSeek-V3, README_WEIGHTS.md; github.com/vllm-project/
// compressed-tensors. Scales of activations and of KV caches are dropped: ours are measured per
// token.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/model/weight_table.h"

namespace paretune {

// Moves the scales from the map into their tensors. block: rows and columns of a block, where there
// are several. Throws std::runtime_error "<where>: ..." where an FP8 matrix has no scales or scales
// of other dims.
void attach_float8_scales(TensorMap& tensors, std::size_t block, const std::string& where);

}  // namespace paretune
