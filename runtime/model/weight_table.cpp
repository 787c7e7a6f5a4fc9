#include "runtime/model/weight_table.h"

#include <algorithm>
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

// What a weight is called in this file: the first name of its patterns that is there, or the first
// of all where none is.
std::string_view pattern_in(const TensorMap& tensors, std::string_view patterns) {
  for (std::string_view rest = patterns; !rest.empty();) {
    const std::string_view pattern = rest.substr(0, rest.find('|'));
    if (tensors.contains(tensor_name(pattern, 0))) return pattern;
    rest.remove_prefix(std::min(rest.size(), pattern.size() + 1));
  }
  return patterns.substr(0, patterns.find('|'));
}

}  // namespace

WeightTable locate_weights(const ModelShape& shape, const TensorMap& tensors,
                           std::string_view WeightInfo::*names, const std::string& where) {
  WeightTable table(kWeights.size());
  std::set<std::string_view> used;
  // The tensor of this name, checked; slices: weights that it holds one after the other.
  const auto take = [&](const WeightInfo& info, const std::string& name, int slices) {
    const auto [rows, columns] = info.dims(shape);
    std::vector<std::uint64_t> dims{static_cast<std::uint64_t>(columns)};
    if (info.matrix) dims.insert(dims.begin(), static_cast<std::uint64_t>(rows));
    if (slices > 0) dims.insert(dims.begin(), static_cast<std::uint64_t>(slices));
    const auto found = tensors.find(name);
    if (found == tensors.end())
      throw std::runtime_error(where + ": the tensor " + in_quotes(name) + " is missing");
    const FileTensor& tensor = found->second;
    if (tensor.dims != dims) {
      throw std::runtime_error(where + ": the tensor " + in_quotes(name) + " is " +
                               dims_text(tensor.dims) + "; the hyper-parameters ask for " +
                               dims_text(dims));
    }
    used.insert(found->first);
    const auto count = static_cast<std::size_t>(std::max(slices, 1));
    const std::size_t bytes = tensor.data.size() / count;
    for (std::size_t i = 0; i < count; ++i) {
      table[static_cast<std::size_t>(info.weight)].push_back(
          {tensor.type, tensor.data.subspan(i * bytes, bytes), tensor.scales});
    }
  };
  for (const WeightInfo& info : kWeights) {
    if (!info.present(shape)) continue;
    const std::string_view pattern = pattern_in(tensors, info.*names);
    const bool whole =
        info.repeats == Repeats::per_expert && pattern.find('@') == std::string_view::npos;
    const int experts = info.repeats == Repeats::per_expert ? shape.n_experts : 1;
    for (int layer = 0; layer < (info.repeats == Repeats::once ? 1 : shape.n_layers); ++layer) {
      if (whole) {
        take(info, tensor_name(pattern, layer), experts);
        continue;
      }
      for (int expert = 0; expert < experts; ++expert) {
        take(info, tensor_name(pattern, layer, expert), 0);
      }
    }
  }
  // A tensor that we would leave out (an output bias, a shared expert) would make the answers
  // quietly wrong.
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
