// tokenizer.json and what other files of a Hugging Face folder add to it: which tokens begin and
// end a text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/model/tokenizer_data.h"

namespace paretune {

// Adds to data what config.json, generation_config.json and tokenizer_config.json say (empty
// objects where there is no such file). folder: how errors call it. Throws std::runtime_error.
void add_special_tokens(TokenizerData& data, const nlohmann::json& config,
                        const nlohmann::json& generation_config,
                        const nlohmann::json& tokenizer_config, const std::string& folder);

}  // namespace paretune
