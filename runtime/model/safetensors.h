// safetensors, Hugging Face's tensor file:
//   u64 n, then n bytes of JSON { name: { "dtype": "BF16", "shape": [rows, columns],
//   "data_offsets": [begin, end] } }, then the tensors' bytes, to which the offsets refer.
//   "__metadata__" holds strings.
// Source: github.com/huggingface/safetensors, README. The offsets cover the bytes without holes or
// overlaps.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/model/weight_table.h"

namespace paretune {

// The result points into bytes; name is how errors call the file. Throws std::runtime_error.
TensorMap read_safetensors(std::span<const std::byte> bytes, const std::string& name);

}  // namespace paretune
