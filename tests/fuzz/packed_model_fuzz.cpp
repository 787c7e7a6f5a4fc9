// Any bytes as a packed model whose index has the right checksum: it is refused with
// std::runtime_error, or all that it says is in the file can be read.
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/matmul.h"
#include "runtime/model/packed_model.h"

namespace {

// Input: the file without its trailer. The corpus is of the kernels of its day.
void write(const std::filesystem::path& path, std::string input) {
  constexpr std::string_view kVersion = "\"kernels_version\":";
  if (const std::size_t version = input.rfind(kVersion); version != input.npos)
    input.replace(version + kVersion.size(), 1, std::to_string(paretune::kKernelsVersion));
  const std::size_t at = std::min(input.rfind("{\"schema\""), input.size());
  const std::string_view index = std::string_view(input).substr(at);
  const std::uint64_t trailer[]{at, index.size(), XXH3_64bits(index.data(), index.size())};
  std::ofstream(path, std::ios::binary)
      << input << std::string_view(reinterpret_cast<const char*>(trailer), sizeof trailer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paretune;
  static const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("paretune-fuzz-" + std::to_string(getpid()));
  write(path, {reinterpret_cast<const char*>(data), size});
  try {
    const PackedModel model(path);
    for (const WeightInfo& info : kWeights) {
      if (!model.has_weight(info.weight)) continue;
      const auto [rows, columns] = model.weight_shape(info.weight);
      std::vector<float> row(static_cast<std::size_t>(columns));
      for (int layer = 0; layer < instances(info, model.shape()); ++layer) {
        try {
          for (int r = 0; r < rows; ++r) model.read_rows(info.weight, layer, r, r + 1, row);
        } catch (const std::runtime_error&) {  // a matrix, which is only there as packed
        }
      }
    }
  } catch (const std::runtime_error&) {
  }
  std::filesystem::remove(path);
  return 0;
}
