// A server with the demo model on a free port of the loopback, and a client that may misbehave.
#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/server/server.h"

namespace paretune::test {

inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// One thread and the default formats: the golden answers hold under any config.
class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}, int max_batch_size = 8) {
    std::unique_ptr<ModelSource> source = open_model("workloads/demo/demo.gguf");
    DeployConfig config = default_config({this_machine(), source->shape()});
    config.prefill_threads = config.decode_threads = 1;
    config.max_batch_size = max_batch_size;
    loaded_ = load_model(std::move(source), config);
    options.port = 0;
    options.names = {"demo", "demo-alias"};
    const ServerClock clock{.now = steady_seconds,
                            .unix_seconds = [] { return std::int64_t{1'700'000'000}; }};
    server_ = std::make_unique<Server>(loaded_, config, std::move(options), clock);
    thread_ = std::thread([this] { server_->run(); });
  }
  ~RunningServer() {
    server_->stop();
    join();
  }
  int port() const { return server_->port(); }
  const Tokenizer& tokenizer() const { return *loaded_.tokenizer; }
  void stop() { server_->stop(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  LoadedModel loaded_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body); }
  // The data of a stream's events.
  std::vector<std::string> events() const {
    std::vector<std::string> data;
    std::size_t at = 0;
    for (std::size_t end; (end = body.find("\n\n", at)) != std::string::npos; at = end + 2) {
      data.push_back(body.substr(at, end - at));
      if (data.back().starts_with("data: ")) data.back().erase(0, 6);
    }
    return data;
  }
};

class Connection {
 public:
  // receive_buffer: bytes that the kernel takes in before anyone reads; 0: its own choice.
  explicit Connection(int port, int receive_buffer = 0) : socket_(io_) {
    using boost::asio::ip::tcp;
    socket_.open(tcp::v4());
    if (receive_buffer > 0) socket_.set_option(tcp::socket::receive_buffer_size(receive_buffer));
    socket_.connect({boost::asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }
  void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  Answer read(bool head = false) {
    namespace http = boost::beast::http;
    http::response_parser<http::string_body> parser;
    parser.skip(head);
    http::read(socket_, buffer_, parser);
    const auto message = parser.release();
    Answer answer{.status = static_cast<int>(message.result_int()), .body = message.body()};
    for (const auto& field : message)
      answer.headers[std::string(field.name_string())] = std::string(field.value());
    return answer;
  }
  // Blocks until these bytes came; false if the connection ended before.
  bool wait_for(std::string_view bytes) {
    boost::system::error_code error;
    while (seen_.find(bytes) == std::string::npos && !error) {
      char chunk[4096];
      const std::size_t n = socket_.read_some(boost::asio::buffer(chunk), error);
      seen_.append(chunk, n);
    }
    return seen_.find(bytes) != std::string::npos;
  }
  // Everything until the server closes.
  std::string read_to_end() {
    wait_for(std::string_view("\0never\0", 7));
    return seen_;
  }
  void half_close() { socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send); }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  boost::beast::flat_buffer buffer_;
  std::string seen_;
};

inline std::string http_request(std::string_view method, std::string_view path,
                                std::string_view body = "", std::string_view headers = "") {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n" +
         std::string(headers) + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

inline Answer ask(int port, std::string_view method, std::string_view path,
                  std::string_view body = "") {
  Connection connection(port);
  connection.send(http_request(method, path, body));
  return connection.read(method == "HEAD");
}

inline Answer post(int port, std::string_view path, const nlohmann::json& body) {
  return ask(port, "POST", path, body.dump());
}

inline nlohmann::json chat_body(const std::string& prompt,
                                nlohmann::json more = nlohmann::json::object()) {
  more["messages"] = {{{"role", "user"}, {"content", prompt}}};
  if (!more.contains("temperature")) more["temperature"] = 0;
  return more;
}

// A metric's value; labels: all but the model's name, as they are written.
inline double metric(int port, const std::string& name, const std::string& labels = "") {
  const std::string line =
      "\nvllm:" + name + "{model_name=\"demo\"" + (labels.empty() ? "" : ",") + labels + "} ";
  const std::string text = ask(port, "GET", "/metrics").body;
  const std::size_t at = text.find(line);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + line.size()));
}

// Asks again and again, for at most a minute. True: it came true.
template <class Condition>
bool eventually(Condition&& condition) {
  const double deadline = steady_seconds() + 60;
  while (!condition()) {
    if (steady_seconds() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace paretune::test
