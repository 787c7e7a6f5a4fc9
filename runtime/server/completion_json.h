// Completions as OpenAI's clients read them: whole, or as the events of a stream (server-sent
// events, https://html.spec.whatwg.org/multipage/server-sent-events.html).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/request.h"
#include "runtime/server/completion_request.h"

namespace paretune {

// What all parts of one answer repeat.
struct CompletionHead {
  Api api = Api::chat;
  std::string id;            // "chatcmpl-…"
  std::int64_t created = 0;  // Unix time in seconds
  std::string model;
};

// completion_tokens counts every sampled token, the end-of-generation one included.
struct Usage {
  int prompt_tokens = 0;
  int completion_tokens = 0;
};

struct TokenLogprob {
  std::string bytes;    // of the token, not always whole characters
  float logprob = 0;    // natural log
  int text_offset = 0;  // characters of this completion before it
};

// One choice, or the part of it that one event carries.
struct ChoiceText {
  int index = 0;
  std::string text;
  bool has_logprobs = false;
  std::vector<TokenLogprob> logprobs;
  FinishReason finish = FinishReason::none;  // none: goes on
};

std::string completion_json(const CompletionHead& head, std::span<const ChoiceText> choices,
                            const Usage& usage);

// The data of events. with_usage: the stream will end with its usage, and says "usage": null until
// then.
std::string chunk_json(const CompletionHead& head, const ChoiceText& part, bool first,
                       bool with_usage);
std::string usage_chunk_json(const CompletionHead& head, const Usage& usage);

// data must be one line, as JSON from here is.
std::string sse_event(std::string_view data);

inline constexpr std::string_view kSseDone = "[DONE]";

}  // namespace paretune
