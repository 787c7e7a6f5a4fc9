// A request and its answer as the API sees them: no sockets, no Beast. Everything here happens on
// the server's one I/O thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paretune {

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // percent-decoded, without the query
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};  // further ones
};

struct HttpLimits {
  std::size_t header_bytes = 16u << 10;
  std::size_t body_bytes = 8u << 20;
  std::size_t unsent_bytes = 4u << 20;  // of a stream; a client that reads slower is dropped
  std::chrono::milliseconds read_timeout{60'000};  // for a request's header; again for its body
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds linger{2'000};  // for a client to read our last answer
};

// Where one request's answer goes: send() once, or begin_stream(), any number of stream(), and
// end_stream(). After the client has gone away all of these do nothing.
class Reply {
 public:
  virtual ~Reply() = default;

  virtual void send(HttpResponse response) = 0;

  virtual void begin_stream(std::string_view content_type) = 0;
  virtual void stream(std::string_view bytes) = 0;
  virtual void end_stream() = 0;

  // Called at most once, if the client goes away before the answer is complete.
  virtual void on_disconnect(std::function<void()> callback) = 0;
};

}  // namespace paretune
