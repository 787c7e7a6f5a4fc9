// Any bytes as a GGUF model: it is refused with std::runtime_error, or every weight of it can be
// read.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "runtime/model/gguf_model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paretune;
  try {
    const Gguf gguf(std::as_bytes(std::span(data, size)), "input.gguf");
    const StoredModel model("input.gguf", {}, read_gguf_model(gguf));
    for (const WeightInfo& info : kWeights) {
      if (!model.has_weight(info.weight)) continue;
      const auto [rows, columns] = model.weight_shape(info.weight);
      std::vector<float> row(columns);
      for (int layer = 0; layer < instances(info, model.shape()); ++layer) {
        for (int r = 0; r < rows; ++r) model.read_rows(info.weight, layer, r, r + 1, row);
      }
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
