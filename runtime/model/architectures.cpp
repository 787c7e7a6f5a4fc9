#include "runtime/model/architectures.h"

#include <stdexcept>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

[[noreturn]] void refuse(std::string_view name, const std::string& where,
                         const std::string& supported) {
  throw std::runtime_error(where + ": the architecture " + in_quotes(name) +
                           " is not supported (supported: " + supported + ")");
}

}  // namespace

const Architecture& architecture_of_gguf(std::string_view name, const std::string& where) {
  std::string supported;
  for (const Architecture& row : kArchitectures) {
    if (row.name == name) return row;
    supported += (supported.empty() ? "" : ", ") + std::string(row.name);
  }
  refuse(name, where, supported);
}

const Architecture& architecture_of_model_type(std::string_view model_type,
                                               const std::string& where) {
  std::string supported;
  for (const Architecture& row : kArchitectures) {
    for (const std::string_view known : row.model_types) {
      if (known.empty()) continue;
      if (known == model_type) return row;
      supported += (supported.empty() ? "" : ", ") + std::string(known);
    }
  }
  refuse(model_type, where, supported);
}

}  // namespace paretune
