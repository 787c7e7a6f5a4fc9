#include "runtime/server/router.h"

#include <gtest/gtest.h>

#include "tests/runtime/server/running_server.h"

namespace paretune {
namespace {

using nlohmann::json;
using test::ask;
using test::post;
using test::RunningServer;

TEST(Router, AnswersEveryPath) {
  RunningServer server;
  const int port = server.port();
  EXPECT_EQ(ask(port, "GET", "/health").json(), json::parse(R"({"status": "ok"})"));
  EXPECT_EQ(ask(port, "GET", "/health?verbose=1").status, 200);
  EXPECT_EQ(ask(port, "GET", "/").json()["model"], "demo");
  EXPECT_EQ(ask(port, "GET", "/metrics").headers.at("Content-Type"), kPrometheusContentType);

  const json models = ask(port, "GET", "/v1/models").json();
  EXPECT_EQ(models["object"], "list");
  ASSERT_EQ(models["data"].size(), 2u);
  EXPECT_EQ(models["data"][0]["id"], "demo");
  EXPECT_EQ(models["data"][0]["max_model_len"], 512);
  EXPECT_EQ(ask(port, "GET", "/v1/models/demo").json(), models["data"][0]);
  EXPECT_EQ(ask(port, "GET", "/v1/models/demo%2Dalias").json(), models["data"][1]);
  EXPECT_EQ(ask(port, "GET", "/v1/models/gpt-4").status, 404);
}

TEST(Router, TokenizesAndBack) {
  RunningServer server;
  const json tokens = post(server.port(), "/tokenize", {{"prompt", "What is 12?"}}).json();
  EXPECT_EQ(tokens["count"], tokens["tokens"].size());
  EXPECT_EQ(tokens["max_model_len"], 512);
  const json text = post(server.port(), "/detokenize", {{"tokens", tokens["tokens"]}}).json();
  EXPECT_EQ(text["prompt"], "What is 12?");
}

struct Refused {
  const char* method;
  const char* path;
  const char* body;
  int status;
  json param;  // null: none
};

TEST(Router, RefusesByStatusAndName) {
  RunningServer server;
  const Refused refusals[]{
      {"GET", "/nothing", "", 404, nullptr},
      {"GET", "/v1/models/", "", 404, nullptr},
      {"GET", "/V1/models", "", 404, nullptr},
      {"GET", "/health/", "", 404, nullptr},
      {"GET", "/v1/chat/completions", "", 405, nullptr},
      {"PUT", "/v1/completions", "{}", 405, nullptr},
      {"POST", "/health", "{}", 405, nullptr},
      {"DELETE", "/v1/models/demo", "", 405, nullptr},
      {"BREW", "/metrics", "", 405, nullptr},
      {"POST", "/v1/chat/completions", "", 400, nullptr},
      {"POST", "/v1/chat/completions", "not json", 400, nullptr},
      {"POST", "/v1/chat/completions", "{}", 400, "messages"},
      {"POST", "/v1/chat/completions",
       R"({"model": "x", "messages": [{"role": "user", "content": ""}]})", 404, "model"},
      {"POST", "/v1/chat/completions", R"({"messages": [{"role": "user", "content": 1}]})", 400,
       "messages[0].content"},
      {"POST", "/v1/completions", R"({"prompt": "a", "n": 0})", 400, "n"},
      {"POST", "/v1/completions", R"({"prompt": "a", "stream": 1})", 400, "stream"},
      {"POST", "/tokenize", "{}", 400, "prompt"},
      {"POST", "/tokenize", R"({"prompt": 5})", 400, "prompt"},
      {"POST", "/tokenize", R"({"messages": []})", 400, "messages"},
      {"POST", "/detokenize", "{}", 400, "tokens"},
      {"POST", "/detokenize", R"({"tokens": "a"})", 400, "tokens"},
      {"POST", "/detokenize", R"({"tokens": [0, -1]})", 400, "tokens[1]"},
      {"POST", "/detokenize", R"({"tokens": [1536]})", 400, "tokens[0]"},
      {"POST", "/detokenize", R"({"tokens": [1], "model": "x"})", 404, "model"},
  };
  for (const Refused& refused : refusals) {
    const test::Answer answer = ask(server.port(), refused.method, refused.path, refused.body);
    EXPECT_EQ(answer.status, refused.status)
        << refused.method << " " << refused.path << " " << refused.body;
    EXPECT_EQ(answer.headers.at("Content-Type"), "application/json");
    EXPECT_EQ(answer.json()["error"]["param"], refused.param) << answer.body;
    EXPECT_EQ(answer.json()["error"]["type"], "invalid_request_error");
    EXPECT_EQ(answer.headers.contains("Allow"), refused.status == 405);
  }
  EXPECT_EQ(ask(server.port(), "GET", "/v1/completions").headers.at("Allow"), "POST");
  EXPECT_EQ(ask(server.port(), "POST", "/health").headers.at("Allow"), "GET, HEAD");
}

}  // namespace
}  // namespace paretune
