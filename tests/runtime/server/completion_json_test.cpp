#include "runtime/server/completion_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/server/api_error.h"

namespace paretune {
namespace {

using nlohmann::json;

const CompletionHead kChat{Api::chat, "chatcmpl-1", 1700000000, "demo"};
const CompletionHead kText{Api::completions, "cmpl-1", 1700000000, "demo"};

TEST(CompletionJson, AWholeChatCompletion) {
  const ChoiceText choice{.index = 0, .text = "46", .finish = FinishReason::stop};
  EXPECT_EQ(json::parse(completion_json(kChat, std::array{choice}, {18, 3})), json::parse(R"({
      "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "demo",
      "choices": [{"index": 0, "message": {"role": "assistant", "content": "46", "refusal": null},
                   "logprobs": null, "finish_reason": "stop"}],
      "usage": {"prompt_tokens": 18, "completion_tokens": 3, "total_tokens": 21}})"));
}

TEST(CompletionJson, AWholeTextCompletionWithLogprobs) {
  const ChoiceText choice{.index = 1,
                          .text = "ab",
                          .has_logprobs = true,
                          .logprobs = {{"a", -0.5f, 0}, {"b", -1.0f, 1}},
                          .finish = FinishReason::length};
  EXPECT_EQ(json::parse(completion_json(kText, std::array{choice}, {1, 2}))["choices"],
            json::parse(R"([
      {"index": 1, "text": "ab", "finish_reason": "length",
       "logprobs": {"tokens": ["a", "b"], "token_logprobs": [-0.5, -1.0], "top_logprobs": null,
                    "text_offset": [0, 1]}}])"));
}

TEST(CompletionJson, TheFirstChunkNamesTheRole) {
  EXPECT_EQ(json::parse(chunk_json(kChat, {.text = "4"}, true, false)), json::parse(R"({
      "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "demo",
      "choices": [{"index": 0, "delta": {"role": "assistant", "content": "4"}, "logprobs": null,
                   "finish_reason": null}]})"));
  EXPECT_EQ(json::parse(chunk_json(kChat, {.finish = FinishReason::length}, false, true)),
            json::parse(R"({
      "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "demo",
      "choices": [{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "length"}],
      "usage": null})"));
}

TEST(CompletionJson, UsageComesInAChunkWithoutChoices) {
  const json chunk = json::parse(usage_chunk_json(kText, {5, 2}));
  EXPECT_EQ(chunk["object"], "text_completion");
  EXPECT_EQ(chunk["choices"], json::array());
  EXPECT_EQ(chunk["usage"]["total_tokens"], 7);
}

TEST(CompletionJson, ATokenThatIsHalfACharacterKeepsItsBytes) {
  const ChoiceText part{.has_logprobs = true, .logprobs = {{"\xe2\x82", -1, 0}}};
  const json token =
      json::parse(chunk_json(kChat, part, false, false))["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(token["bytes"], (json{0xe2, 0x82}));
  EXPECT_EQ(token["token"], "\ufffd");
}

TEST(CompletionJson, AnEventIsOneLineOfData) {
  EXPECT_EQ(sse_event(kSseDone), "data: [DONE]\n\n");
  const std::string event = sse_event(chunk_json(kChat, {.text = "a\nb\r\n\u2028"}, false, false));
  EXPECT_EQ(event.find('\n'), event.size() - 2);
  EXPECT_EQ(event.find('\r'), std::string::npos);
}

TEST(ApiError, IsWhatOpenAisClientsRead) {
  const HttpResponse response = to_response(ApiError(400, "n: bad", "n"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json::parse(response.body), json::parse(R"({"error": {
      "message": "n: bad", "type": "invalid_request_error", "param": "n", "code": null}})"));
  const HttpResponse full = to_response(ApiError(429, "full", "", "queue_full"));
  EXPECT_EQ(json::parse(full.body)["error"]["code"], "queue_full");
  ASSERT_EQ(full.headers.size(), 1u);
  EXPECT_EQ(full.headers[0].first, "Retry-After");
}

}  // namespace
}  // namespace paretune
