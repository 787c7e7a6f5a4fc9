// Which tensors a compressed model's GGUF file holds, in which types, before any of their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compression/policy.h"
#include "runtime/engine/prepared_source.h"
#include "runtime/model/gguf.h"

namespace paretune {

// One tensor of the new file, and how to make its bytes.
struct PlannedTensor {
  std::string name;
  std::vector<std::uint64_t> dims;  // slowest first
  const TensorType* type;
  Weight weight = Weight::output_norm;
  int index = 0;  // of the (first) matrix that it holds, as ModelSource counts
  int count = 1;  // matrices: all experts of a layer are one tensor
  std::optional<Treatment> treatment = {};  // none: as the source has it
  std::vector<float> values = {};           // of a tensor that is no weight

  std::size_t k() const { return dims.back(); }
  std::uint64_t size() const {
    std::uint64_t n = 1;
    for (const std::uint64_t dim : dims) n *= dim;
    return n;
  }
  std::size_t row_bytes() const {
    return k() / std::size_t(type->block_size) * std::size_t(type->block_bytes);
  }
  std::uint64_t bytes() const { return size() / k() * row_bytes(); }
};

// Refuses by name what no GGUF tensor can hold, before anything slow.
void check_gguf_policy(const ModelSource& source, const Policy& policy);

// In the order of the file. Of a model from a GGUF file (`gguf`; null: other sources) what is not
// in the policy stays as it is there. Refuses what GGUF readers would not understand.
std::vector<PlannedTensor> plan_gguf(const PreparedSource& ready, const Gguf* gguf);

}  // namespace paretune
