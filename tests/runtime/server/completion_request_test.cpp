#include "runtime/server/completion_request.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "runtime/server/api_error.h"

namespace paretune {
namespace {

CompletionRequest parse_chat(const std::string& more = "") {
  return parse_completion_request(Api::chat, R"({"messages": [{"role": "user", "content": "Hi"}])" +
                                                 (more.empty() ? "" : ", " + more) + "}");
}
CompletionRequest parse_prompt(const std::string& prompt) {
  return parse_completion_request(Api::completions, R"({"prompt": )" + prompt + "}");
}

TEST(CompletionRequest, HasOpenAisDefaults) {
  const CompletionRequest request = parse_chat();
  EXPECT_EQ(request.sampling.temperature, 1);
  EXPECT_EQ(request.sampling.top_p, 1);
  EXPECT_EQ(request.n, 1);
  EXPECT_FALSE(request.max_tokens);
  EXPECT_FALSE(request.seed);
  EXPECT_FALSE(request.stream);
  EXPECT_TRUE(request.stops.empty());
}

TEST(CompletionRequest, ReadsWhatIsAsked) {
  const CompletionRequest request = parse_chat(R"(
      "model": "demo", "temperature": 0, "top_p": 0.9, "top_k": -1, "min_p": 0.1, "seed": -7, "n": 3,
      "max_tokens": 5, "max_completion_tokens": 6, "stop": ["a", "b"], "logprobs": true, "stream": true,
      "stream_options": {"include_usage": true}, "chat_template_kwargs": {"enable_thinking": false})");
  EXPECT_EQ(request.model, "demo");
  EXPECT_EQ(request.sampling.temperature, 0);
  EXPECT_FLOAT_EQ(request.sampling.top_p, 0.9f);
  EXPECT_EQ(request.sampling.top_k, 0);
  EXPECT_FLOAT_EQ(request.sampling.min_p, 0.1f);
  EXPECT_EQ(request.seed, static_cast<std::uint64_t>(-7));
  EXPECT_EQ(request.n, 3);
  EXPECT_EQ(request.max_tokens, 6);
  EXPECT_EQ(request.stops, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(request.logprobs && request.stream && request.include_usage);
  EXPECT_EQ(request.switches,
            (std::vector<std::pair<std::string, bool>>{{"enable_thinking", false}}));
}

TEST(CompletionRequest, IgnoresUnknownFieldsAndNullsAndWhatAsksForNothing) {
  const CompletionRequest request = parse_chat(R"(
      "user": "me", "metadata": {"a": 1}, "store": true, "temperature": null, "stop": null, "tools": [],
      "response_format": {"type": "text"}, "logit_bias": {}, "frequency_penalty": 0.0, "best_of": 1)");
  EXPECT_EQ(request.sampling.temperature, 1);
}

TEST(CompletionRequest, JoinsTextPartsAsLinesAndKnowsEveryRole) {
  const CompletionRequest request = parse_completion_request(Api::chat, R"({"messages": [
      {"role": "developer", "content": "Be brief."},
      {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "assistant", "content": "", "tool_calls": [], "refusal": null},
      {"role": "tool", "content": "42", "tool_call_id": "x"}]})");
  ASSERT_EQ(request.messages.size(), 4u);
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(request.messages[1].content, "a\nb");
  EXPECT_EQ(request.messages[1].extra,
            (std::vector<std::pair<std::string, std::string>>{{"name", "Ann"}}));
  EXPECT_EQ(request.messages[3].role, "tool");
}

TEST(CompletionRequest, APromptIsTextOrTokensOrSeveral) {
  EXPECT_EQ(parse_prompt(R"("a")").prompts, (std::vector<Prompt>{"a"}));
  EXPECT_EQ(parse_prompt("[1, 2]").prompts, (std::vector<Prompt>{std::vector{1, 2}}));
  EXPECT_EQ(parse_prompt(R"(["a", "b"])").prompts, (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(parse_prompt(R"([[1], [2, 3]])").prompts,
            (std::vector<Prompt>{std::vector{1}, std::vector{2, 3}}));
}

TEST(CompletionRequest, LogprobsOfCompletionsAreANumber) {
  EXPECT_FALSE(parse_prompt(R"("a")").logprobs);
  EXPECT_TRUE(parse_prompt(R"("a", "logprobs": 0)").logprobs);
}

struct Bad {
  Api api;
  std::string body;
  std::string param;  // that the refusal names
};
std::vector<Bad> bad_requests() {
  std::vector<Bad> bad{
      {Api::chat, "", ""},
      {Api::chat, "{", ""},
      {Api::chat, "[]", ""},
      {Api::chat, "\"text\"", ""},
      {Api::chat, "{\"messages\": \"\xff\"}", ""},
      {Api::chat, R"({"temperature": 1e999})", ""},
      {Api::chat, std::string(1000, '['), ""},
      {Api::chat, R"({"a": )" + std::string(40, '[') + std::string(40, ']') + "}", ""},
      {Api::chat, "{}", "messages"},
      {Api::chat, R"({"messages": null})", "messages"},
      {Api::chat, R"({"messages": []})", "messages"},
      {Api::chat, R"({"messages": {}})", "messages"},
      {Api::chat, R"({"messages": ["Hi"]})", "messages[0]"},
      {Api::chat, R"({"messages": [{"content": "Hi"}]})", "messages[0].role"},
      {Api::chat,
       R"({"messages": [{"role": "user", "content": "Hi"}, {"role": "cat", "content": "Hi"}]})",
       "messages[1].role"},
      {Api::chat, R"({"messages": [{"role": 1, "content": "Hi"}]})", "messages[0].role"},
      {Api::chat, R"({"messages": [{"role": "user"}]})", "messages[0].content"},
      {Api::chat, R"({"messages": [{"role": "user", "content": 5}]})", "messages[0].content"},
      {Api::chat, R"({"messages": [{"role": "user", "content": ["Hi"]}]})",
       "messages[0].content[0]"},
      {Api::chat,
       R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]})",
       "messages[0].content[0].type"},
      {Api::chat, R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})",
       "messages[0].content[0].text"},
      {Api::chat, R"({"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]})",
       "messages[0].tool_calls"},
      {Api::completions, "{}", "prompt"},
      {Api::completions, R"({"prompt": 5})", "prompt"},
      {Api::completions, R"({"prompt": []})", "prompt"},
      {Api::completions, R"({"prompt": [1, -1]})", "prompt[1]"},
      {Api::completions, R"({"prompt": [1, 1.5]})", "prompt[1]"},
      {Api::completions, R"({"prompt": [1, 18446744073709551615]})", "prompt[1]"},
      {Api::completions, R"({"prompt": [1, "a"]})", "prompt[1]"},
      {Api::completions, R"({"prompt": ["a", 1]})", "prompt[1]"},
      {Api::completions, R"({"prompt": [[1], ["a"]]})", "prompt[1][0]"},
      {Api::completions, R"({"prompt": "a", "suffix": "b"})", "suffix"},
      {Api::completions, R"({"prompt": "a", "echo": true})", "echo"},
      {Api::completions, R"({"prompt": "a", "best_of": 2})", "best_of"},
      {Api::completions, R"({"prompt": "a", "logprobs": 3})", "logprobs"},
      {Api::completions, R"({"prompt": "a", "logprobs": true})", "logprobs"},
      {Api::completions, R"({"prompt": ["a", "b"], "n": 65})", "n"},
  };
  const auto field = [&](const std::string& name, const std::string& value,
                         std::string param = "") {
    bad.push_back(
        {Api::chat,
         R"({"messages": [{"role": "user", "content": "Hi"}], ")" + name + "\": " + value + "}",
         param.empty() ? name : param});
  };
  field("model", "5");
  field("temperature", "\"0.5\"");
  field("temperature", "-0.1");
  field("temperature", "2.1");
  field("top_p", "0");
  field("top_p", "1.1");
  field("top_k", "0.5");
  field("top_k", "-2");
  field("min_p", "2");
  field("seed", "1.5");
  field("n", "0");
  field("n", "129");
  field("max_tokens", "0");
  field("max_tokens", "\"many\"");
  field("max_tokens", "18446744073709551615");
  field("max_completion_tokens", "-1");
  field("stop", "5");
  field("stop", "\"\"");
  field("stop", "[\"a\", 5]");
  field("stop", "[\"\"]");
  field("stop", R"(["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])");
  field("logprobs", "1");
  field("top_logprobs", "5");
  field("stream", "\"true\"");
  field("stream_options", "{\"include_usage\": true}");
  field("stream_options", "{\"include_usage\": 1}, \"stream\": true",
        "stream_options.include_usage");
  field("stream_options", "[], \"stream\": true");
  field("tools", "[{\"type\": \"function\"}]");
  field("tool_choice", "\"required\"");
  field("functions", "[{}]");
  field("response_format", "{\"type\": \"json_object\"}");
  field("logit_bias", "{\"5\": 1}");
  field("presence_penalty", "0.5");
  field("frequency_penalty", "-1");
  field("repetition_penalty", "1.1");
  field("modalities", "[\"audio\"]");
  field("chat_template_kwargs", "{\"style\": \"short\"}", "chat_template_kwargs.style");
  field("ignore_eos", "1");
  return bad;
}

TEST(CompletionRequest, RefusesByName) {
  for (const Bad& bad : bad_requests()) {
    try {
      parse_completion_request(bad.api, bad.body);
      ADD_FAILURE() << "taken: " << bad.body;
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status, 400) << bad.body;
      EXPECT_EQ(error.param, bad.param) << bad.body << "\n" << error.what();
      EXPECT_TRUE(std::string(error.what()).starts_with(bad.param)) << error.what();
    }
  }
}

// A parser of what strangers send: any bytes are a request or an ApiError, never anything else.
TEST(CompletionRequest, SurvivesMutations) {
  std::vector<std::string> seeds;
  for (const Bad& bad : bad_requests()) seeds.push_back(bad.body);
  seeds.push_back(
      R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "\ud83d\ude00"}]}], "n": 2, "seed": 1})");
  seeds.push_back(
      R"({"prompt": [[1, 2], [3]], "stop": ["a"], "temperature": 0.5, "logprobs": 0, "stream": true})");
  std::mt19937_64 rng(11);
  int taken = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string body = seeds[rng() % seeds.size()];
    for (std::uint64_t edits = 1 + rng() % 4; edits > 0; --edits) {
      const std::size_t at = rng() % (body.size() + 1);
      switch (rng() % 4) {
        case 0:
          if (at < body.size()) body[at] = static_cast<char>(body[at] ^ (1 << rng() % 8));
          break;
        case 1:
          body.erase(at, 1 + rng() % 8);
          break;
        case 2:
          body.insert(at, 1, "[]{}\":,0-9e\\"[rng() % 12]);
          break;
        case 3:
          body.resize(at);
          break;
      }
    }
    try {
      parse_completion_request(round % 2 ? Api::chat : Api::completions, body);
      ++taken;
    } catch (const ApiError&) {
    }
  }
  EXPECT_GT(taken, 0);
}

}  // namespace
}  // namespace paretune
