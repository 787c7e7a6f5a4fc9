// What clients do on the wire, well or badly.
#include "runtime/server/http_session.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "tests/runtime/server/running_server.h"

namespace paretune {
namespace {

using test::Answer;
using test::ask;
using test::chat_body;
using test::Connection;
using test::http_request;
using test::RunningServer;

const std::string kGetHealth = "GET /health HTTP/1.1\r\nHost: test\r\n\r\n";

TEST(HttpSession, KeepsAConnectionForManyRequests) {
  RunningServer server;
  Connection client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(http_request("POST", "/v1/chat/completions",
                             chat_body("What is 12 + 34?", {{"stream", i == 1}}).dump()));
    EXPECT_EQ(client.read().status, 200);
  }
}

TEST(HttpSession, AnswersPipelinedRequestsInOrder) {
  RunningServer server;
  Connection client(server.port());
  const std::string chat =
      http_request("POST", "/v1/chat/completions", chat_body("What is 12 + 34?").dump());
  client.send(chat + kGetHealth + "GET /nothing HTTP/1.1\r\n\r\n" + chat);
  EXPECT_EQ(client.read().json()["object"], "chat.completion");
  EXPECT_EQ(client.read().json()["status"], "ok");
  EXPECT_EQ(client.read().status, 404);
  EXPECT_EQ(client.read().json()["choices"][0]["message"]["content"], "46");
}

TEST(HttpSession, TakesARequestByteByByte) {
  RunningServer server;
  Connection client(server.port());
  for (const char byte : http_request("POST", "/tokenize", R"({"prompt": "a"})"))
    client.send({&byte, 1});
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpSession, TakesAChunkedBody) {
  RunningServer server;
  Connection client(server.port());
  client.send(
      "POST /tokenize HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n{\"prompt\":\r\n5\r\n "
      "\"a\"}\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpSession, AsksForTheBodyOfAClientThatWaits) {
  RunningServer server;
  Connection client(server.port());
  client.send("POST /tokenize HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n");
  ASSERT_TRUE(client.wait_for("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("{\"prompt\": \"a\"}");
  EXPECT_TRUE(client.wait_for("HTTP/1.1 200 OK"));
}

TEST(HttpSession, HeadIsGetWithoutTheBody) {
  RunningServer server;
  Connection client(server.port());
  client.send("HEAD /health HTTP/1.1\r\n\r\n");
  const Answer head = client.read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("Content-Length"), "15");
  client.send(kGetHealth);
  EXPECT_EQ(client.read().body, "{\"status\":\"ok\"}")
      << "nothing of the first answer's body is in the way";
}

TEST(HttpSession, ClosesWhereAskedTo) {
  RunningServer server;
  Connection client(server.port());
  client.send("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_to_end();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

TEST(HttpSession, StreamsToHttp10WithoutChunks) {
  RunningServer server;
  Connection client(server.port());
  const std::string body = chat_body("What is 12 + 34?", {{"stream", true}}).dump();
  client.send("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string all = client.read_to_end();
  EXPECT_EQ(all.find("chunked"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\n\ndata: [DONE]\n\n"));
}

struct BadWire {
  std::string bytes;
  int status;
};

TEST(HttpSession, RefusesWhatIsNoRequest) {
  RunningServer server;
  const BadWire bad[]{
      {"hello\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"GET / HTTP/3.0\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03 a TLS hello\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n", 431},
      {"POST /tokenize HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n{", 413},
      {"POST /tokenize HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9000000\r\n\r\n", 413},
  };
  for (const BadWire& wire : bad) {
    Connection client(server.port());
    client.send(wire.bytes);
    const Answer answer = client.read();
    EXPECT_EQ(answer.status, wire.status) << wire.bytes.substr(0, 80);
    EXPECT_EQ(answer.headers.at("Connection"), "close");
    EXPECT_TRUE(answer.json()["error"]["message"].is_string());
  }
}

TEST(HttpSession, ATooLargeBodyIsToldSoEvenIfItIsAlreadyOnItsWay) {
  RunningServer server;
  Connection client(server.port());
  client.send("POST /tokenize HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n" +
              std::string(1'000'000, 'x'));
  EXPECT_EQ(client.read().status, 413);
}

TEST(HttpSession, WhoSaysNothingIsDisconnected) {
  ServerOptions options;
  options.http.read_timeout = std::chrono::milliseconds(50);
  RunningServer server(options);
  Connection silent(server.port());
  Connection half(server.port());
  half.send("POST /tokenize HTTP/1.1\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(half.read_to_end(), "");
}

TEST(HttpSession, AClientThatDoesNotReadIsDisconnected) {
  ServerOptions options;
  options.http.write_timeout = std::chrono::milliseconds(50);
  std::atomic<bool> gone = false;
  options.log = [&](LogLevel, std::string_view line) {
    if (line == "GET /metrics client gone") gone = true;
  };
  RunningServer server(options);
  Connection lazy(server.port(), /*receive_buffer=*/4096);
  // Some 16 MB of answers, more than the sockets' own buffers hold.
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) lazy.send("GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(test::eventually([&] { return gone.load(); }));
}

// Here none is allowed to wait: the second event of one step is too much.
TEST(HttpSession, AStreamThatOutgrowsItsBufferIsDropped) {
  ServerOptions options;
  options.http.unsent_bytes = 0;
  RunningServer server(options);
  Connection client(server.port());
  client.send(http_request(
      "POST", "/v1/completions",
      R"({"prompt": "On", "n": 8, "max_tokens": 400, "ignore_eos": true, "stream": true})"));
  EXPECT_EQ(client.read_to_end().find("[DONE]"), std::string::npos);
  EXPECT_EQ(test::metric(server.port(), "request_success_total", "finished_reason=\"abort\""), 8);
}

TEST(HttpSession, SurvivesMutatedRequests) {
  RunningServer server;
  const std::string seeds[]{
      http_request("POST", "/v1/completions", R"({"prompt": "a", "max_tokens": 1})"), kGetHealth,
      "POST /tokenize HTTP/1.1\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"};
  std::mt19937_64 rng(3);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = seeds[rng() % 3];
    for (std::uint64_t edits = 1 + rng() % 3; edits > 0; --edits) {
      const std::size_t at = rng() % bytes.size();
      if (rng() % 3 == 0) {
        bytes.insert(at, 1, static_cast<char>(rng()));
      } else {
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng() % 8));
      }
    }
    Connection client(server.port());
    client.send(bytes);
    client.half_close();
    client.read_to_end();
  }
  EXPECT_EQ(ask(server.port(), "GET", "/health").status, 200);
}

}  // namespace
}  // namespace paretune
