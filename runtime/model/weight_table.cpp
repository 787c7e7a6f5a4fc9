#include "runtime/model/weight_table.h"

#include <set>
#include <stdexcept>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

std::string dims_text(const std::vector<std::uint64_t>& dims) {
  std::string text = "(";
  for (const std::uint64_t dim : dims) text += (text.size() > 1 ? ", " : "") + std::to_string(dim);
  return text + ")";
}

}  // namespace

WeightTable locate_weights(const ModelShape& shape, const TensorMap& tensors,
                           std::string_view WeightInfo::*names, const std::string& where) {
  WeightTable table(kWeights.size());
  std::set<std::string_view> used;
  for (const WeightInfo& info : kWeights) {
    if (!info.present(shape)) continue;
    const auto [rows, columns] = info.dims(shape);
    std::vector<std::uint64_t> dims{static_cast<std::uint64_t>(columns)};
    if (info.matrix) dims.insert(dims.begin(), static_cast<std::uint64_t>(rows));
    const int n_layers = info.per_layer ? shape.n_layers : 1;
    for (int layer = 0; layer < n_layers; ++layer) {
      const std::string name = tensor_name(info.*names, layer);
      const auto found = tensors.find(name);
      if (found == tensors.end())
        throw std::runtime_error(where + ": the tensor " + in_quotes(name) + " is missing");
      if (found->second.dims != dims) {
        throw std::runtime_error(where + ": the tensor " + in_quotes(name) + " is " +
                                 dims_text(found->second.dims) + "; the hyper-parameters ask for " +
                                 dims_text(dims));
      }
      used.insert(found->first);
      table[static_cast<std::size_t>(info.weight)].push_back(
          {found->second.type, found->second.data});
    }
  }
  // A tensor that we would leave out (an output bias, an expert) would make the answers quietly
  // wrong.
  for (const auto& [name, tensor] : tensors) {
    if (!used.contains(name)) {
      throw std::runtime_error(where + ": the tensor " + in_quotes(name) +
                               " is not part of the architecture '" + shape.architecture +
                               "' as we run it (" + std::to_string(shape.n_layers) + " layers)");
    }
  }
  return table;
}

}  // namespace paretune
