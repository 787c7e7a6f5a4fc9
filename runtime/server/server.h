// A loaded model behind HTTP: one I/O thread (the one that calls run), one thread that owns the
// engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/loaded_model.h"
#include "runtime/server/completion_service.h"
#include "runtime/server/http_message.h"

namespace paretune {

enum class LogLevel { debug, info, warning };

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                 // 0: one that is free
  std::vector<std::string> names;  // the model's id, then its aliases; at least one
  int max_queue = 256;             // sequences that wait beside the max_batch_size that run
  int max_connections = 1024;
  std::chrono::seconds drain_time{10};  // for what runs when the server is told to stop
  bool stop_on_signals = false;         // SIGINT and SIGTERM; a second one stops at once
  std::uint64_t seed = 0;               // of ids, and of the sampling of requests that set no seed
  HttpLimits http;
  std::function<void(LogLevel, std::string_view)> log = [](LogLevel, std::string_view) {};
};

class Server {
 public:
  // Listens from now on. Throws std::runtime_error naming host and port where it cannot. loaded
  // must outlive the server; config is the one it was loaded with.
  Server(const LoadedModel& loaded, const DeployConfig& config, ServerOptions options,
         ServerClock clock);
  ~Server();

  int port() const;

  // Serves until stop(). Throws std::runtime_error if the engine failed.
  void run();

  // From any thread: takes no more requests, finishes what runs within drain_time, ends run().
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paretune
