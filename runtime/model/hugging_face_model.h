// A Hugging Face folder as a model: config.json, model.safetensors (or its sharded index),
// tokenizer.json and, where they exist, tokenizer_config.json, generation_config.json and
// chat_template.jinja.
#pragma once

#include <filesystem>
#include <memory>

#include "runtime/model/model_source.h"

namespace paretune {

// Throws std::runtime_error.
std::unique_ptr<ModelSource> open_hugging_face(const std::filesystem::path& folder);

}  // namespace paretune
