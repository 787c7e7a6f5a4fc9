// Formats for models that come without a chat template, chosen by the markers in their vocabulary.
// To add one: a row.
#pragma once

#include <array>
#include <string_view>

#include "runtime/tokenizer/tokenizer.h"

namespace paretune {

struct BuiltinTemplate {
  std::string_view name;
  bool (*fits)(const Tokenizer& tokenizer);
  std::string_view source;
};

// The first that fits is taken; the last fits all.
std::span<const BuiltinTemplate> builtin_templates();
const BuiltinTemplate& builtin_template_for(const Tokenizer& tokenizer);

}  // namespace paretune
