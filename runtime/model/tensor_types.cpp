#include "runtime/model/tensor_types.h"

#include <stdexcept>

namespace paretune {
namespace {

// Names of enum ggml_type by value, so that a refusal can say what the file holds. Empty: never
// used or removed.
constexpr std::array<std::string_view, 43> kGgmlNames{
    "F32",   "F16",        "Q4_0",       "Q4_1",       "",         "",         "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
    "Q2_0"};

[[noreturn]] void refuse(const std::string& where, const std::string& type, bool safetensors) {
  std::string supported;
  for (const TensorType& row : kTensorTypes) {
    const std::string_view name = safetensors                 ? row.safetensors
                                  : row.gguf_id == kNotInGguf ? std::string_view()
                                                              : row.name;
    if (!name.empty()) supported += (supported.empty() ? "" : ", ") + std::string(name);
  }
  throw std::runtime_error(where + ": the tensor type " + type +
                           " is not supported (supported: " + supported + ")");
}

}  // namespace

const TensorType& tensor_type_of_gguf(std::uint32_t gguf_id, const std::string& where) {
  for (const TensorType& row : kTensorTypes) {
    if (row.gguf_id == gguf_id && gguf_id != kNotInGguf) return row;
  }
  const bool known = gguf_id < kGgmlNames.size() && !kGgmlNames[gguf_id].empty();
  refuse(where, known ? std::string(kGgmlNames[gguf_id]) : "number " + std::to_string(gguf_id),
         false);
}

const TensorType& tensor_type_of_safetensors(std::string_view dtype, const std::string& where) {
  for (const TensorType& row : kTensorTypes) {
    if (!row.safetensors.empty() && row.safetensors == dtype) return row;
  }
  refuse(where, std::string(dtype.substr(0, 16)), true);
}

}  // namespace paretune
