// The bodies of POST /v1/chat/completions and /v1/completions, checked, as one value.
//
// Unknown fields are ignored, as OpenAI-compatible servers do (user, metadata, store, …). Fields
// that would change the answer and that this server does not support are refused by name, unless
// they are set to what they do anyway.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/chat/message.h"
#include "runtime/engine/request.h"

namespace paretune {

enum class Api { chat, completions };

using Prompt = std::variant<std::string, std::vector<int>>;  // a text, or token ids

struct CompletionRequest {
  Api api = Api::chat;
  std::string model;                                   // "": whatever is served
  std::vector<ChatMessage> messages;                   // chat
  std::vector<std::pair<std::string, bool>> switches;  // chat: variables of the template
  std::vector<Prompt> prompts;                         // completions
  Sampling sampling;                                   // but for seed and max_tokens
  std::optional<std::uint64_t> seed;
  std::optional<int> max_tokens;
  std::vector<std::string> stops;
  int n = 1;  // choices per prompt
  bool logprobs = false;
  bool stream = false;
  bool include_usage = false;  // a last chunk with the usage
};

inline constexpr int kMaxChoices = 128;  // prompts times n, of one request
inline constexpr int kMaxStops = 16;

// Throws ApiError (400) naming the field.
CompletionRequest parse_completion_request(Api api, std::string_view body);

// Parts of such bodies that other endpoints take too. Both throw ApiError (400).
std::vector<ChatMessage> parse_messages(const nlohmann::json& messages);
std::vector<int> parse_token_ids(const nlohmann::json& ids, const std::string& path);  // an array

}  // namespace paretune
