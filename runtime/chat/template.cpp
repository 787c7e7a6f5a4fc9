#include "runtime/chat/template.h"

#include "runtime/chat/evaluator.h"
#include "runtime/chat/parser.h"

namespace paretune {
namespace {

using chat::Budget;
using chat::MarkedText;
using chat::Value;

chat::TextPtr key(std::string text) {
  return std::make_shared<const MarkedText>(std::move(text), true);
}

// {"role": …, "content": …, …}; every string in it is the user's.
Value message_value(Budget& budget, const ChatMessage& message) {
  std::vector<std::pair<chat::TextPtr, Value>> items;
  items.emplace_back(key("role"), make_text(budget, message.role, false));
  items.emplace_back(key("content"), make_text(budget, message.content, false));
  for (const auto& [name, text] : message.extra) {
    items.emplace_back(std::make_shared<const MarkedText>(name, false),
                       make_text(budget, text, false));
  }
  return make_dict(budget, std::move(items));
}

// The variables that Hugging Face passes.
std::map<std::string_view, Value> variables(Budget& budget, std::span<const ChatMessage> messages,
                                            const ChatOptions& options) {
  std::vector<Value> list;
  for (const ChatMessage& message : messages) list.push_back(message_value(budget, message));
  std::map<std::string_view, Value> variables{
      {"messages", make_list(budget, std::move(list))},
      {"add_generation_prompt", options.add_generation_prompt},
      {"bos_token", make_text(budget, options.bos_token, true)},
      {"eos_token", make_text(budget, options.eos_token, true)},
      {"tools", chat::None{}},
      {"documents", chat::None{}},
  };
  for (const auto& [name, value] : options.switches) variables.insert_or_assign(name, value);
  return variables;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source, std::string_view name,
                           const TemplateLimits& limits)
    : name_(name), limits_(limits) {
  if (source.size() > limits.source_bytes) {
    throw ChatTemplateError(name_ + ": the template has " + std::to_string(source.size()) +
                            " bytes; at most " + std::to_string(limits.source_bytes) +
                            " are allowed");
  }
  try {
    program_ = std::make_unique<const chat::Program>(chat::parse_template(source, limits.depth));
  } catch (const ChatTemplateError& e) {
    throw ChatTemplateError(name_ + ": " + e.what());
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::vector<ChatSegment> ChatTemplate::render(std::span<const ChatMessage> messages,
                                              const ChatOptions& options) const {
  chat::Environment environment{Budget(limits_), {}, options.now};
  int line = 1;
  try {
    chat::Evaluator evaluator(environment, variables(environment.budget, messages, options));
    MarkedText text;
    try {
      text = evaluator.run(*program_);
    } catch (const ChatTemplateError&) {
      line = evaluator.line();
      throw;
    }
    std::vector<ChatSegment> segments;
    std::size_t begin = 0;
    for (const MarkedText::Run& run : text.runs()) {
      segments.push_back(
          {std::string(text.bytes().substr(begin, run.end - begin)), run.from_template});
      begin = run.end;
    }
    return segments;
  } catch (const ChatTemplateError& e) {
    throw ChatTemplateError(name_ + ": line " + std::to_string(line) + ": " + e.what());
  }
}

}  // namespace paretune
