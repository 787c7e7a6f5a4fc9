// config.json of a Hugging Face folder as a ModelShape.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/model/model_shape.h"

namespace paretune {

// config: the parsed file; file: how errors call it. Throws std::runtime_error for what is missing,
// wrong or asks for something that we do not run (by name).
ModelShape read_hugging_face_config(const nlohmann::json& config, const std::string& file);

// Rows and columns of weights that share a scale in an FP8 folder: weight_block_size, or 128.
std::size_t float8_block(const nlohmann::json& config, const std::string& file);

}  // namespace paretune
