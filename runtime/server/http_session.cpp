#include "runtime/server/http_session.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/status.hpp>
#include <charconv>
#include <utility>

#include "runtime/server/api_error.h"

namespace paretune {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t kReadAhead = 64u
                                   << 10;  // of pipelined requests, and what is discarded at a time

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The path of a request target, percent-decoded; malformed escapes stay as they are.
std::string decode_path(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::string path;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const bool escape = target[i] == '%' && i + 2 < target.size() &&
                        hex_digit(target[i + 1]) >= 0 && hex_digit(target[i + 2]) >= 0;
    path += escape ? static_cast<char>(hex_digit(target[i + 1]) * 16 + hex_digit(target[i + 2]))
                   : target[i];
    if (escape) i += 2;
  }
  return path;
}

// What to say about bytes that are no request we take; status 0: nothing, the connection is of no
// use.
ApiError parse_failure(const boost::system::error_code& error, const HttpLimits& limits) {
  if (error == http::error::body_limit) {
    return {413, "the body is larger than " + std::to_string(limits.body_bytes) + " bytes"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, "the header is larger than " + std::to_string(limits.header_bytes) + " bytes"};
  }
  if (error == http::error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  const bool cut_off = error == http::error::end_of_stream || error == http::error::partial_message;
  const bool malformed =
      !cut_off && error.category() == make_error_code(http::error::bad_method).category();
  return {malformed ? 400 : 0, "not a valid HTTP request: " + error.message()};
}

std::string hex(std::size_t value) {
  char digits[16];
  return {digits, std::to_chars(digits, digits + sizeof digits, value, 16).ptr};
}

}  // namespace

HttpSession::HttpSession(asio::ip::tcp::socket socket, const HttpLimits& limits,
                         const Callbacks& callbacks)
    : limits_(limits),
      callbacks_(callbacks),
      stream_(std::move(socket)),
      buffer_(limits.header_bytes + kReadAhead),
      linger_timer_(stream_.get_executor()) {}

HttpSession::~HttpSession() = default;

void HttpSession::drain() {
  draining_ = true;
  if (state_ == State::reading) close();
}

void HttpSession::read_header() {
  if (draining_) return close();
  state_ = State::reading;
  head_only_ = false;
  complete_ = false;
  request_line_ = "(unread request)";
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser_->body_limit(limits_.body_bytes);
  stream_.expires_after(limits_.read_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_, [self = shared_from_this()](Error error, std::size_t) {
        if (self->state_ != State::reading) return;
        if (error) return self->refuse(error);
        const auto& request = self->parser_->get();
        self->keep_alive_ = request.keep_alive();
        self->head_only_ = request.method() == http::verb::head;
        self->request_line_ =
            std::string(request.method_string()) + " " + std::string(request.target());
        self->read_body();
      });
}

void HttpSession::read_body() {
  if (beast::iequals(parser_->get()[http::field::expect], "100-continue") && !parser_->is_done()) {
    write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  stream_.expires_after(limits_.read_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](Error error, std::size_t) {
                     if (self->state_ != State::reading) return;
                     if (error) return self->refuse(error);
                     self->answer();
                   });
}

// Answers a request that could not be read; where the next one would begin is then unknown.
void HttpSession::refuse(const Error& error) {
  const ApiError failure = parse_failure(error, limits_);
  if (failure.status == 0) return close();
  keep_alive_ = false;
  state_ = State::answering;
  send(to_response(failure));
}

void HttpSession::answer() {
  state_ = State::answering;
  auto message = parser_->release();
  HttpRequest request{.method = std::string(message.method_string()),
                      .path = decode_path({message.target().data(), message.target().size()}),
                      .body = std::move(message.body())};
  chunked_ = message.version() >= 11;
  parser_.reset();
  read_on();
  callbacks_.handle(request, shared_from_this());
}

// While answering: to see the client leave. While lingering: to throw away what still comes.
void HttpSession::read_on() {
  if (buffer_.size() >= kReadAhead)
    return;  // enough: that it left will be seen when it is written to
  reading_on_ = true;
  stream_.expires_never();
  stream_.async_read_some(
      buffer_.prepare(4096), [self = shared_from_this()](Error error, std::size_t bytes) {
        self->reading_on_ = false;
        self->buffer_.commit(bytes);
        switch (self->state_) {
          case State::answering:
            return error ? self->lose_client() : self->read_on();
          case State::answered:  // finish_answer() cancelled this read
            return error && error != asio::error::operation_aborted ? self->close()
                                                                    : self->read_header();
          case State::lingering:
            self->buffer_.clear();
            return error ? self->close() : self->read_on();
          case State::reading:
          case State::closed:
            return;
        }
      });
}

std::string HttpSession::head(int status, std::string_view content_type) const {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(reason) +
         "\r\nServer: paretune\r\nContent-Type: " + std::string(content_type) +
         "\r\nConnection: " + (keep_alive_ ? "keep-alive" : "close") + "\r\n";
}

void HttpSession::send(HttpResponse response) {
  if (state_ != State::answering || complete_) return;
  if (draining_) keep_alive_ = false;
  std::string text = head(response.status, response.content_type);
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\r\n";
  text += "Content-Length: " + std::to_string(response.body.size()) + "\r\n\r\n";
  if (!head_only_) text += response.body;
  callbacks_.log(request_line_ + " " + std::to_string(response.status));
  complete_ = true;
  write(text);
}

void HttpSession::begin_stream(std::string_view content_type) {
  if (state_ != State::answering) return;
  if (draining_ || !chunked_) keep_alive_ = false;
  callbacks_.log(request_line_ + " 200 stream");
  write(head(200, content_type) + "Cache-Control: no-cache\r\n" +
        (chunked_ ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n"));
}

void HttpSession::stream(std::string_view bytes) {
  if (state_ != State::answering || bytes.empty()) return;  // an empty chunk would end the stream
  if (unsent_.size() > limits_.unsent_bytes) {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->lose_client(); });
    return;
  }
  write(chunked_ ? hex(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n" : std::string(bytes));
}

void HttpSession::end_stream() {
  if (state_ != State::answering) return;
  complete_ = true;
  write(chunked_ ? "0\r\n\r\n" : "");
}

void HttpSession::write(std::string_view bytes) {
  unsent_ += bytes;
  if (!writing_) flush();
}

void HttpSession::flush() {
  writing_ = true;
  sending_ = std::exchange(unsent_, {});
  stream_.expires_after(limits_.write_timeout);
  asio::async_write(stream_, asio::buffer(sending_),
                    [self = shared_from_this()](Error error, std::size_t) {
                      self->writing_ = false;
                      if (error) return self->lose_client();
                      if (!self->unsent_.empty()) return self->flush();
                      if (self->complete_ && self->state_ == State::answering)
                        self->finish_answer();
                    });
}

void HttpSession::finish_answer() {
  on_disconnect_ = nullptr;
  if (!keep_alive_ || draining_) return linger();
  state_ = State::answered;
  if (reading_on_) {
    stream_.cancel();  // its end goes on with read_header()
  } else {
    read_header();
  }
}

void HttpSession::lose_client() {
  if (state_ == State::closed) return;
  callbacks_.log(request_line_ + " client gone");
  const std::function<void()> tell = std::exchange(on_disconnect_, nullptr);
  close();
  if (tell) tell();
}

// Closing with unread input would reset the connection, and the client might never see the answer:
// so say that no more will come, and read until the client is done too, or its time is up.
void HttpSession::linger() {
  state_ = State::lingering;
  Error ignored;  // the client may be gone already: then the next read says so
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  linger_timer_.expires_after(limits_.linger);
  linger_timer_.async_wait([self = shared_from_this()](Error error) {
    if (!error) self->close();
  });
  buffer_.clear();
  if (!reading_on_) read_on();
}

void HttpSession::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  linger_timer_.cancel();
  stream_.close();
  callbacks_.closed(this);
}

}  // namespace paretune
