#pragma once

#include <nlohmann/json.hpp>

#include "profiles/measurement.h"

namespace paretune {

inline nlohmann::ordered_json estimate_json(const Estimate& e) {
  return {{"value", e.value}, {"low", e.low}, {"high", e.high}};
}

}  // namespace paretune
