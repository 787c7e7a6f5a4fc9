// What a packed model's file (packed_model.h) says about itself.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/model/model_shape.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/model/weights.h"

namespace paretune {

// How the file was made, as text (runtime/deployment.h).
struct PackedRecipe {
  std::string weights, smoothing;
  std::string calibration;  // for people
  std::string source_hash;  // content hash of the model it was made of
};

struct PackedIndex {
  struct Place {
    std::uint64_t at = 0, bytes = 0, checksum = 0;
  };
  int kernels_version = 0;
  std::string model_key;  // of the keys of matrices
  PackedRecipe recipe;
  ModelShape shape;
  TokenizerData tokenizer;
  std::optional<std::string> chat_template;
  std::map<std::pair<Weight, int>, Place> vectors;  // f32
  std::string embeddings_type;                      // "": a packed matrix
  Place embeddings;
  std::map<std::string, Place> matrices;
};

std::string to_json(const PackedIndex& index);
// Throws std::runtime_error "<where>: ...". Nothing is checked against anything but its type.
PackedIndex parse_packed_index(std::string_view json, const std::string& where);

}  // namespace paretune
