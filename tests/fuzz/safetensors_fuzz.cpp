// Any bytes as safetensors: refused with std::runtime_error, or every tensor can be read.
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "runtime/model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paretune;
  try {
    for (const auto& [name, tensor] :
         read_safetensors(std::as_bytes(std::span(data, size)), "input.safetensors")) {
      std::vector<float> values(tensor.data.size() / tensor.type->block_bytes *
                                tensor.type->block_size);
      tensor.type->to_float(tensor.data, values);
    }
  } catch (const std::runtime_error&) {
  }
  return 0;
}
