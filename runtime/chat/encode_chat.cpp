#include "runtime/chat/encode_chat.h"

#include "runtime/chat/builtin_templates.h"

namespace paretune {

std::vector<int> encode_chat(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                             std::span<const ChatMessage> messages, const ChatOptions& options) {
  ChatOptions known = options;
  const auto token_or_none = [&](int id) { return id < 0 ? "" : tokenizer.token_text(id); };
  if (known.bos_token.empty()) known.bos_token = token_or_none(tokenizer.bos_id());
  if (known.eos_token.empty()) known.eos_token = token_or_none(tokenizer.eos_id());

  std::vector<int> ids;
  std::string plain;  // text since the last special token
  const auto flush = [&] {
    const std::vector<int> text_ids = tokenizer.encode(plain);
    ids.insert(ids.end(), text_ids.begin(), text_ids.end());
    plain.clear();
  };
  for (const ChatSegment& segment : chat_template.render(messages, known)) {
    const std::string_view text = segment.text;
    if (!segment.from_template) {
      plain += text;
      continue;
    }
    for (std::size_t i = 0; i < text.size();) {
      if (const auto special = tokenizer.special_token_at(text.substr(i))) {
        flush();
        ids.push_back(special->id);
        i += special->bytes;
      } else {
        plain += text[i++];
      }
    }
  }
  flush();
  if (tokenizer.adds_bos() && (ids.empty() || ids.front() != tokenizer.bos_id())) {
    ids.insert(ids.begin(), tokenizer.bos_id());
  }
  return ids;
}

ChatTemplate chat_template_for(const Tokenizer& tokenizer, std::string_view source,
                               std::string_view name) {
  if (!source.empty()) return ChatTemplate(source, name);
  const BuiltinTemplate& builtin = builtin_template_for(tokenizer);
  return ChatTemplate(builtin.source, "built-in chat template " + std::string(builtin.name));
}

}  // namespace paretune
