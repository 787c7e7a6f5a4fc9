// What a chat request says, before a template has made a prompt of it.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paretune {

// All of it is a user's text: a special token written in it is encoded as ordinary characters.
struct ChatMessage {
  std::string role;  // "system", "user", "assistant", …
  std::string content;
  std::vector<std::pair<std::string, std::string>> extra;  // further fields, e.g. {"name", "Ann"}
};

// What a template may read beside the messages. The strings here are trusted as the template is.
struct ChatOptions {
  bool add_generation_prompt = true;
  std::string bos_token;       // the template's bos_token; "" is the tokenizer's, where known
  std::string eos_token;       // likewise
  std::optional<std::tm> now;  // what strftime_now() formats; without it the function is undefined
  std::vector<std::pair<std::string, bool>>
      switches;  // further variables, e.g. {"enable_thinking", false}
};

// A piece of the prompt, and whether the template wrote it (or a user).
struct ChatSegment {
  std::string text;
  bool from_template = false;
  bool operator==(const ChatSegment&) const = default;
};

}  // namespace paretune
