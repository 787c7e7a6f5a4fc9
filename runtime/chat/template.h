// A model's chat template: the subset of Jinja 2 that such templates use, with Hugging Face's
// settings (trim_blocks, lstrip_blocks, loop controls) and functions (raise_exception,
// strftime_now, tojson).
//
//   Statements   for/else (with if, unpacking, break, continue), if/elif/else, set (names,
//   namespace fields, blocks),
//                macro, filter blocks, generation (its body is rendered); comments and raw blocks
//   Expressions  + - * / // % ** ~, comparisons, in, is, and/or/not, x if c else y, slices,
//   attributes, calls, filters,
//                lists, tuples and dicts
// The names known are in catalogs: filters.h, predicates.h, methods.h, functions.h.
//
// Templates come with model files from anywhere, so they are programs of strangers: they see only
// the values passed in, and every run has limits.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/chat/message.h"

namespace paretune {

namespace chat {
struct Program;
}

// A template that is not one, or that cannot be rendered with these messages.
class ChatTemplateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What one render may use; beyond it, an error that names the limit and the template's line.
struct TemplateLimits {
  std::size_t steps = 1'000'000;  // nodes evaluated; an operation on n bytes counts n/64 more
  std::size_t output_bytes = 16u << 20;  // of the prompt
  std::size_t value_bytes = 128u << 20;  // of all strings and lists made on the way
  int depth = 200;                       // nested expressions and blocks, calls of macros
  std::size_t source_bytes = 1u << 20;   // of the template
};

class ChatTemplate {
 public:
  // name: for messages, e.g. "demo.gguf: tokenizer.chat_template". Throws std::runtime_error with
  // the line where the source is not a template or goes beyond the subset.
  ChatTemplate(std::string_view source, std::string_view name, const TemplateLimits& limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // The prompt in pieces, neighbours differing in origin. Throws ChatTemplateError for what the
  // template raises (raise_exception), for errors in it and for limits.
  std::vector<ChatSegment> render(std::span<const ChatMessage> messages,
                                  const ChatOptions& options) const;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  TemplateLimits limits_;
  std::unique_ptr<const chat::Program> program_;
};

}  // namespace paretune
