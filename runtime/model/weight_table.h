// Tensors as a file lists them, and the check that makes weights of them: each weight that the
// hyper-parameters call for is there with just those dims, and nothing else is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/model_shape.h"
#include "runtime/model/tensor_types.h"
#include "runtime/model/weights.h"

namespace paretune {

// By which a matrix's values are multiplied: one scale for each block of rows and columns.
struct BlockScales {
  const TensorType* type = nullptr;   // a float; nullptr: there are none
  std::span<const std::byte> data;    // (blocks of rows, blocks of columns)
  std::size_t rows = 1, columns = 1;  // of a block; the last of either may be short
};

struct FileTensor {
  const TensorType* type;
  std::vector<std::uint64_t> dims;  // slowest first: a matrix is {rows, columns}
  std::span<const std::byte> data;  // into the file: as many blocks as dims need
  BlockScales scales = {};
};

using TensorMap = std::map<std::string, FileTensor, std::less<>>;

// A weight whose dims are those that the shape gives it.
struct StoredWeight {
  const TensorType* type = nullptr;  // nullptr: the model has no such weight
  std::span<const std::byte> data;
  BlockScales scales = {};
};

using WeightTable = std::vector<std::vector<StoredWeight>>;  // [Weight][instance]

// names: &WeightInfo::gguf or &WeightInfo::hugging_face. Throws std::runtime_error "<where>: ..."
// that names the tensor.
WeightTable locate_weights(const ModelShape& shape, const TensorMap& tensors,
                           std::string_view WeightInfo::*names, const std::string& where);

}  // namespace paretune
