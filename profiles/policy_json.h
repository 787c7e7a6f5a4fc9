// A kind of layers by its name, and a treatment by its text, as JSON.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "profiles/field_json.h"
#include "runtime/compression/policy.h"

namespace paretune {

inline FieldJson write_leaf(const LayerKind& kind) { return layer_kind_info(kind).name; }

inline void read_leaf(const FieldJson& json, const std::string& where, LayerKind& kind) {
  const std::vector<LayerKind> kinds =
      layer_kinds(json.is_string() ? json.get<std::string>() : json.dump(), where);
  if (kinds.size() != 1)
    throw std::runtime_error(where + ": found " + json.dump() + ", allowed: one kind of layer");
  kind = kinds.front();
}

inline FieldJson write_leaf(const Treatment& treatment) { return to_text(treatment); }

inline void read_leaf(const FieldJson& json, const std::string& where, Treatment& treatment) {
  treatment = parse_treatment(json.is_string() ? json.get<std::string>() : json.dump(), where);
}

}  // namespace paretune
