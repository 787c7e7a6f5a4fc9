#include "runtime/model/float8_scales.h"

#include <set>
#include <stdexcept>
#include <vector>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

BlockScales scales_of(const FileTensor& matrix, const FileTensor& scales, std::size_t block,
                      const std::string& where) {
  const std::size_t rows = matrix.dims.at(0), columns = matrix.dims.at(1);
  const auto blocks = [&](std::size_t n) { return (n + block - 1) / block; };
  const std::vector<std::uint64_t>& dims = scales.dims;
  BlockScales result{.type = scales.type, .data = scales.data, .rows = rows, .columns = columns};
  if (dims.empty() || dims == std::vector<std::uint64_t>{1}) return result;
  result.rows = 1;
  if (dims == std::vector<std::uint64_t>{rows} || dims == std::vector<std::uint64_t>{rows, 1})
    return result;
  result.rows = result.columns = block;
  if (dims == std::vector<std::uint64_t>{blocks(rows), blocks(columns)}) return result;
  throw std::runtime_error(where + ": found other dims than one scale, one a row (" +
                           std::to_string(rows) + ") or one for each " + std::to_string(block) +
                           " x " + std::to_string(block) + " (" + std::to_string(blocks(rows)) +
                           ", " + std::to_string(blocks(columns)) + ")");
}

}  // namespace

void attach_float8_scales(TensorMap& tensors, std::size_t block, const std::string& where) {
  std::set<std::string> attached;
  for (auto& [name, tensor] : tensors) {
    if (tensor.type->name != "F8_E4M3") continue;
    if (!name.ends_with(".weight") || tensor.dims.size() != 2)
      throw std::runtime_error(where + ": the tensor " + in_quotes(name) +
                               " is F8_E4M3; allowed: matrices named *.weight");
    for (const char* suffix : {"_scale_inv", "_scale"}) {
      const auto scales = tensors.find(name + suffix);
      if (scales == tensors.end()) continue;
      if (scales->second.type->block_size != 1 || scales->second.type == tensor.type)
        throw std::runtime_error(where + ": the tensor " + in_quotes(scales->first) + " is " +
                                 std::string(scales->second.type->name) +
                                 "; allowed: F32, F16, BF16");
      tensor.scales = scales_of(tensor, scales->second, block,
                                where + ": the tensor " + in_quotes(scales->first));
      attached.insert(scales->first);
      break;
    }
    if (!tensor.scales.type)
      throw std::runtime_error(where + ": the tensor " + in_quotes(name) +
                               " is F8_E4M3 and has no " + in_quotes(name + "_scale_inv") + " or " +
                               in_quotes(name + "_scale"));
  }
  std::erase_if(tensors, [&](const auto& entry) {
    const std::string& name = entry.first;
    return attached.contains(name) || name.ends_with(".input_scale") ||
           name.ends_with(".k_scale") || name.ends_with(".v_scale");
  });
}

}  // namespace paretune
