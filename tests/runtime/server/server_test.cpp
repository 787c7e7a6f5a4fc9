#include "runtime/server/server.h"

#include <gtest/gtest.h>

#include "tests/runtime/server/running_server.h"

namespace paretune {
namespace {

using test::Connection;
using test::http_request;
using test::RunningServer;

std::string long_stream(int sequences, int max_tokens) {
  const nlohmann::json body{{"prompt", "On"},
                            {"n", sequences},
                            {"max_tokens", max_tokens},
                            {"ignore_eos", true},
                            {"stream", true}};
  return http_request("POST", "/v1/completions", body.dump());
}

TEST(Server, APortInUseIsNamed) {
  RunningServer first;
  const LoadedModel none;
  ServerOptions options;
  options.port = first.port();
  try {
    Server second(none, {}, options, {});
    ADD_FAILURE() << "two servers on one port";
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("127.0.0.1:" + std::to_string(first.port())), std::string::npos)
        << message;
    EXPECT_NE(message.find("in use"), std::string::npos) << message;
    EXPECT_NE(message.find("--port"), std::string::npos) << message;
  }
}

TEST(Server, AStopLetsRunningRequestsFinish) {
  ServerOptions options;
  options.http.linger = std::chrono::milliseconds(0);
  RunningServer server(options);
  Connection idle(server.port());
  Connection busy(server.port());
  busy.send(long_stream(1, 300));
  ASSERT_TRUE(busy.wait_for("data: "));
  server.stop();
  EXPECT_EQ(idle.read_to_end(), "");
  const std::string all = busy.read_to_end();
  EXPECT_NE(all.find("\"finish_reason\":\"length\""), std::string::npos);
  EXPECT_NE(all.find("data: [DONE]"), std::string::npos);
  server.join();
  EXPECT_THROW(Connection(server.port()), boost::system::system_error);
}

TEST(Server, AStopEndsWhatTakesTooLong) {
  ServerOptions options;
  options.drain_time = std::chrono::seconds(0);
  options.http.linger = std::chrono::milliseconds(0);
  RunningServer server(options);
  Connection busy(server.port());
  busy.send(long_stream(64, 500));
  ASSERT_TRUE(busy.wait_for("data: "));
  server.stop();
  const std::string all = busy.read_to_end();
  EXPECT_NE(all.find("data: {\"error\":{\"message\":\"the server is stopping\""),
            std::string::npos);
  server.join();
}

TEST(Server, StopsAtOnceWhenIdle) {
  RunningServer server;
  server.stop();
  server.join();
}

}  // namespace
}  // namespace paretune
