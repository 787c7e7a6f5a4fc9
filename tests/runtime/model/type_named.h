// A row of kTensorTypes by its name.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/model/tensor_types.h"

namespace paretune {

inline const TensorType& type_named(std::string_view name) {
  for (const TensorType& type : kTensorTypes) {
    if (type.name == name) return type;
  }
  throw std::logic_error("no type " + std::string(name));
}

}  // namespace paretune
