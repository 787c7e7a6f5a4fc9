#include "runtime/server/completion_json.h"

#include <cassert>

#include "runtime/server/json_text.h"

namespace paretune {
namespace {

using nlohmann::ordered_json;

ordered_json finish_json(FinishReason finish) {
  switch (finish) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::none:
    case FinishReason::cancelled:  // answered with an error instead
      break;
  }
  return nullptr;
}

ordered_json chat_logprobs(const ChoiceText& choice) {
  ordered_json content = ordered_json::array();
  for (const TokenLogprob& token : choice.logprobs) {
    ordered_json bytes = ordered_json::array();
    for (const char byte : token.bytes) bytes.push_back(static_cast<unsigned char>(byte));
    content.push_back({{"token", token.bytes},
                       {"logprob", token.logprob},
                       {"bytes", std::move(bytes)},
                       {"top_logprobs", ordered_json::array()}});
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

ordered_json completion_logprobs(const ChoiceText& choice) {
  ordered_json tokens = ordered_json::array();
  ordered_json logprobs = ordered_json::array();
  ordered_json offsets = ordered_json::array();
  for (const TokenLogprob& token : choice.logprobs) {
    tokens.push_back(token.bytes);
    logprobs.push_back(token.logprob);
    offsets.push_back(token.text_offset);
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", nullptr},
          {"text_offset", std::move(offsets)}};
}

ordered_json logprobs_json(Api api, const ChoiceText& choice) {
  if (!choice.has_logprobs) return nullptr;
  return api == Api::chat ? chat_logprobs(choice) : completion_logprobs(choice);
}

ordered_json head_json(const CompletionHead& head, std::string_view chat_object) {
  return {{"id", head.id},
          {"object", head.api == Api::chat ? chat_object : "text_completion"},
          {"created", head.created},
          {"model", head.model}};
}

ordered_json usage_json(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

ordered_json delta_json(const ChoiceText& part, bool first) {
  ordered_json delta = ordered_json::object();
  if (first) delta["role"] = "assistant";
  if (first || !part.text.empty()) delta["content"] = part.text;
  return delta;
}

}  // namespace

std::string completion_json(const CompletionHead& head, std::span<const ChoiceText> choices,
                            const Usage& usage) {
  ordered_json json = head_json(head, "chat.completion");
  for (const ChoiceText& choice : choices) {
    ordered_json item{{"index", choice.index}};
    if (head.api == Api::chat) {
      item["message"] = {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
    } else {
      item["text"] = choice.text;
    }
    item["logprobs"] = logprobs_json(head.api, choice);
    item["finish_reason"] = finish_json(choice.finish);
    json["choices"].push_back(std::move(item));
  }
  json["usage"] = usage_json(usage);
  return json_text(json);
}

std::string chunk_json(const CompletionHead& head, const ChoiceText& part, bool first,
                       bool with_usage) {
  ordered_json item{{"index", part.index}};
  if (head.api == Api::chat) {
    item["delta"] = delta_json(part, first);
  } else {
    item["text"] = part.text;
  }
  item["logprobs"] = logprobs_json(head.api, part);
  item["finish_reason"] = finish_json(part.finish);
  ordered_json json = head_json(head, "chat.completion.chunk");
  json["choices"].push_back(std::move(item));
  if (with_usage) json["usage"] = nullptr;
  return json_text(json);
}

std::string usage_chunk_json(const CompletionHead& head, const Usage& usage) {
  ordered_json json = head_json(head, "chat.completion.chunk");
  json["choices"] = ordered_json::array();
  json["usage"] = usage_json(usage);
  return json_text(json);
}

std::string sse_event(std::string_view data) {
  assert(data.find('\n') == std::string_view::npos && "would be several lines of data");
  return "data: " + std::string(data) + "\n\n";
}

}  // namespace paretune
