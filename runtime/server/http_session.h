// One connection: HTTP/1.1 requests in, one at a time, answers out (Boost.Beast parses, RFC 9112).
//
// While a request is being answered the session keeps reading, so that it learns at once when the
// client leaves; what else arrives (a pipelined request) waits in the buffer. A client that
// half-closes counts as gone, as it does for nginx and uvicorn.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/server/http_message.h"

namespace paretune {

class HttpSession final : public Reply, public std::enable_shared_from_this<HttpSession> {
 public:
  struct Callbacks {
    std::function<void(const HttpRequest&, const std::shared_ptr<Reply>&)> handle;
    std::function<void(std::string_view line)> log;  // one line per request
    std::function<void(HttpSession*)> closed;        // last call; the socket is closed
  };

  // callbacks must outlive the session.
  HttpSession(boost::asio::ip::tcp::socket socket, const HttpLimits& limits,
              const Callbacks& callbacks);
  ~HttpSession() override;

  void start() { read_header(); }

  // Ends the connection after the answer under way, at once if there is none.
  void drain();

  void send(HttpResponse response) override;
  void begin_stream(std::string_view content_type) override;
  void stream(std::string_view bytes) override;
  void end_stream() override;
  void on_disconnect(std::function<void()> callback) override {
    on_disconnect_ = std::move(callback);
  }

 private:
  using Error = boost::system::error_code;
  enum class State { reading, answering, answered, lingering, closed };

  void read_header();
  void read_body();
  void refuse(const Error& error);
  void answer();
  void read_on();
  void write(std::string_view bytes);
  void flush();
  void finish_answer();
  void lose_client();
  void linger();
  void close();
  std::string head(int status, std::string_view content_type) const;

  const HttpLimits& limits_;
  const Callbacks& callbacks_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;  // read and not yet parsed
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  boost::asio::steady_timer linger_timer_;
  State state_ = State::reading;
  bool reading_on_ = false;  // a read is under way that no parser waits for
  bool writing_ = false;     // a write is under way
  bool keep_alive_ = false;  // after this answer
  bool head_only_ = false;   // the request is a HEAD
  bool chunked_ = false;     // the stream's framing; an HTTP/1.0 client gets none
  bool complete_ = false;    // the answer's last byte is in unsent_ or beyond
  bool draining_ = false;
  std::string unsent_;
  std::string sending_;
  std::string request_line_;  // for the log
  std::function<void()> on_disconnect_;
};

}  // namespace paretune
