// A conversation into the token ids of a prompt.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "runtime/chat/message.h"
#include "runtime/chat/template.h"
#include "runtime/tokenizer/tokenizer.h"

namespace paretune {

// Special tokens are recognized only within text that the template wrote. All text between two of
// them, the template's and the user's, is encoded as one. BOS comes first if the model wants it,
// once, whether or not the template writes it.
std::vector<int> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                             std::span<const ChatMessage> messages, const ChatOptions& options);

// The model's own template, or where it has none (source is empty) the first of kBuiltinTemplates
// that its vocabulary fits (builtin_templates.h).
ChatTemplate chat_template_for(const Tokenizer& tokenizer, std::string_view source,
                               std::string_view name);

}  // namespace paretune
