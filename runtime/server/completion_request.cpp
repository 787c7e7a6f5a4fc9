#include "runtime/server/completion_request.h"

#include <algorithm>
#include <array>
#include <limits>

#include "runtime/server/json_fields.h"

namespace paretune {
namespace {

using nlohmann::json;

constexpr int kMaxStopBytes = 1024;
constexpr int kMaxInt = std::numeric_limits<int>::max();

// What this server does not do, and the values that ask for nothing (a JSON array).
struct Unsupported {
  std::string_view field;
  std::string_view harmless;
};
constexpr std::array kUnsupported{
    Unsupported{"audio", "[]"},
    Unsupported{"best_of", "[1]"},
    Unsupported{"echo", "[false]"},
    Unsupported{"frequency_penalty", "[0]"},
    Unsupported{"function_call", R"(["none", "auto"])"},
    Unsupported{"functions", "[[]]"},
    Unsupported{"logit_bias", "[{}]"},
    Unsupported{"min_tokens", "[0]"},
    Unsupported{"modalities", R"([["text"]])"},
    Unsupported{"presence_penalty", "[0]"},
    Unsupported{"repetition_penalty", "[1]"},
    Unsupported{"response_format", R"([{"type": "text"}])"},
    Unsupported{"stop_token_ids", "[[]]"},
    Unsupported{"suffix", R"([""])"},
    Unsupported{"tool_choice", R"(["none", "auto"])"},
    Unsupported{"tools", "[[]]"},
    Unsupported{"top_logprobs", "[0]"},
};

constexpr std::array<std::string_view, 5> kRoles{"system", "developer", "user", "assistant",
                                                 "tool"};

void refuse_unsupported(const JsonFields& fields) {
  for (const Unsupported& row : kUnsupported) {
    const json* value = fields.find(row.field);
    if (!value) continue;
    const json harmless = json::parse(row.harmless);
    if (std::ranges::find(harmless, *value) != harmless.end()) continue;
    refuse(std::string(row.field),
           "not supported by this server; leave it out" +
               (harmless.empty() ? std::string() : " or set it to " + harmless[0].dump()));
  }
}

// A message's content: a string, or parts of which only text is understood. Parts become lines, as
// vLLM and llama.cpp join them.
std::string parse_content(const json& content, const std::string& path) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) refuse_type(path, "a string or an array of text parts", content);
  std::string text;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const JsonFields part(content[i], path + "[" + std::to_string(i) + "]");
    const std::string type = part.string("type").value_or("");
    if (type != "text")
      refuse(part.path_of("type"), "only \"text\" parts are supported, found \"" + type + "\"");
    const auto piece = part.string("text");
    if (!piece) refuse(part.path_of("text"), "missing");
    if (i > 0) text += '\n';
    text += *piece;
  }
  return text;
}

ChatMessage parse_message(const JsonFields& fields) {
  ChatMessage message;
  const auto role = fields.string("role");
  if (!role || std::ranges::find(kRoles, *role) == kRoles.end()) {
    std::string known;
    for (const std::string_view name : kRoles)
      known += (known.empty() ? "" : ", ") + std::string(name);
    refuse(
        fields.path_of("role"),
        (role ? "unknown role \"" + *role + "\"" : std::string("missing")) + "; known: " + known);
  }
  // Templates of open models know no "developer"; it is OpenAI's later name for the same thing.
  message.role = *role == "developer" ? "system" : *role;
  for (const char* unsupported : {"tool_calls", "function_call", "audio"}) {
    const json* value = fields.find(unsupported);
    if (value && !(value->is_array() && value->empty()))
      refuse(fields.path_of(unsupported), "not supported by this server");
  }
  const json* content = fields.find("content");
  if (!content) refuse(fields.path_of("content"), "missing");
  message.content = parse_content(*content, fields.path_of("content"));
  if (const auto name = fields.string("name")) message.extra.emplace_back("name", *name);
  return message;
}

// A string, token ids, or an array of either.
std::vector<Prompt> parse_prompts(const json& prompt) {
  if (prompt.is_string()) return {prompt.get<std::string>()};
  if (!prompt.is_array() || prompt.empty()) {
    refuse_type("prompt", "a string, token ids, or an array of these that is not empty", prompt);
  }
  if (prompt[0].is_number()) return {parse_token_ids(prompt, "prompt")};
  if (prompt.size() > kMaxChoices) {
    refuse("prompt", "at most " + std::to_string(kMaxChoices) + " prompts in one request, found " +
                         std::to_string(prompt.size()));
  }
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    const std::string path = "prompt[" + std::to_string(i) + "]";
    if (prompt[i].is_string()) {
      prompts.emplace_back(prompt[i].get<std::string>());
    } else if (prompt[i].is_array()) {
      prompts.emplace_back(parse_token_ids(prompt[i], path));
    } else {
      refuse_type(path, "a string or token ids", prompt[i]);
    }
  }
  return prompts;
}

std::vector<std::string> parse_stops(const JsonFields& fields) {
  const json* stop = fields.find("stop");
  if (!stop) return {};
  const json list = stop->is_array() ? *stop : json::array({*stop});
  if (list.size() > kMaxStops) {
    refuse("stop", "at most " + std::to_string(kMaxStops) + " strings, found " +
                       std::to_string(list.size()));
  }
  std::vector<std::string> stops;
  for (const json& text : list) {
    if (!text.is_string()) refuse_type("stop", "a string or an array of strings", text);
    stops.push_back(text.get<std::string>());
    if (stops.back().empty() || stops.back().size() > kMaxStopBytes) {
      refuse("stop", "a stop string has 1 to " + std::to_string(kMaxStopBytes) + " bytes, found " +
                         std::to_string(stops.back().size()));
    }
  }
  return stops;
}

Sampling parse_sampling(const JsonFields& fields) {
  Sampling sampling;
  sampling.temperature = static_cast<float>(fields.number("temperature", 1, 0, 2));
  sampling.top_p = static_cast<float>(fields.number("top_p", 1, 0, 1));
  if (sampling.top_p == 0)
    refuse("top_p", "must be above 0; for the likeliest token each time set temperature to 0");
  sampling.min_p = static_cast<float>(fields.number("min_p", 0, 0, 1));
  sampling.top_k = static_cast<int>(std::max<std::int64_t>(
      0, fields.integer("top_k", -1, kMaxInt).value_or(0)));  // -1: vLLM's "off"
  sampling.ignore_eos = fields.boolean("ignore_eos", false);
  return sampling;
}

std::optional<std::uint64_t> parse_seed(const JsonFields& fields) {
  const json* seed = fields.find("seed");
  if (!seed) return std::nullopt;
  if (!seed->is_number_integer()) refuse_type("seed", "an integer", *seed);
  return seed->get<std::uint64_t>();  // a negative one wraps: any 64 bits are a seed
}

// max_completion_tokens is OpenAI's newer name of max_tokens and counts where both are given.
std::optional<int> parse_max_tokens(const JsonFields& fields) {
  const auto old_name = fields.integer("max_tokens", 1, kMaxInt);
  const auto new_name = fields.integer("max_completion_tokens", 1, kMaxInt);
  if (new_name) return static_cast<int>(*new_name);
  if (old_name) return static_cast<int>(*old_name);
  return std::nullopt;
}

bool parse_logprobs(Api api, const JsonFields& fields) {
  if (api == Api::chat) return fields.boolean("logprobs", false);
  const auto alternatives = fields.integer("logprobs", 0, kMaxInt);
  if (alternatives.value_or(0) > 0) {
    refuse("logprobs",
           "alternatives are not returned; 0 gives the log probability of each chosen token");
  }
  return alternatives.has_value();
}

void parse_streaming(const JsonFields& fields, CompletionRequest& request) {
  request.stream = fields.boolean("stream", false);
  const json* options = fields.find("stream_options");
  if (!options) return;
  if (!request.stream) refuse("stream_options", "only allowed when stream is true");
  request.include_usage = JsonFields(*options, "stream_options").boolean("include_usage", false);
}

}  // namespace

std::vector<int> parse_token_ids(const json& ids, const std::string& path) {
  std::vector<int> tokens;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const json& id = ids[i];
    if (!id.is_number_integer() || id < 0 || id > kMaxInt)
      refuse_type(path + "[" + std::to_string(i) + "]", "a token id", id);
    tokens.push_back(id.get<int>());
  }
  return tokens;
}

std::vector<ChatMessage> parse_messages(const json& messages) {
  if (!messages.is_array() || messages.empty()) {
    refuse_type("messages", "an array of messages that is not empty", messages);
  }
  std::vector<ChatMessage> parsed;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    parsed.push_back(parse_message(JsonFields(messages[i], "messages[" + std::to_string(i) + "]")));
  }
  return parsed;
}

CompletionRequest parse_completion_request(Api api, std::string_view body) {
  const json parsed = parse_body(body);
  const JsonFields fields(parsed, "");
  CompletionRequest request{.api = api};
  request.model = fields.string("model").value_or("");
  refuse_unsupported(fields);
  if (api == Api::chat) {
    const json* messages = fields.find("messages");
    if (!messages) refuse("messages", "missing");
    request.messages = parse_messages(*messages);
    if (const json* switches = fields.find("chat_template_kwargs")) {
      const JsonFields named(*switches, "chat_template_kwargs");
      for (const auto& [name, value] : switches->items()) {
        request.switches.emplace_back(name, named.boolean(name, false));
      }
    }
  } else {
    const json* prompt = fields.find("prompt");
    if (!prompt) refuse("prompt", "missing");
    request.prompts = parse_prompts(*prompt);
  }
  request.sampling = parse_sampling(fields);
  request.seed = parse_seed(fields);
  request.max_tokens = parse_max_tokens(fields);
  request.stops = parse_stops(fields);
  const auto prompts = static_cast<int>(std::max<std::size_t>(1, request.prompts.size()));
  request.n = static_cast<int>(fields.integer("n", 1, kMaxChoices / prompts).value_or(1));
  request.logprobs = parse_logprobs(api, fields);
  parse_streaming(fields, request);
  return request;
}

}  // namespace paretune
