#include "runtime/server/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <set>
#include <stdexcept>

#include "runtime/server/http_session.h"
#include "runtime/server/router.h"

namespace paretune {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr std::chrono::seconds kLastWrites{3};  // for the errors that end what still runs
// After an error such as too many open files.
constexpr std::chrono::milliseconds kAcceptRetry{100};

tcp::acceptor listen(asio::io_context& io, const std::string& host, int port) try {
  const auto found = tcp::resolver(io).resolve(
      host, std::to_string(port), tcp::resolver::passive | tcp::resolver::numeric_service);
  return {io, found.begin()->endpoint(), /*reuse_addr=*/true};
} catch (const boost::system::system_error& error) {
  throw std::runtime_error("cannot listen on " + host + ":" + std::to_string(port) + ": " +
                           error.code().message() + "; choose another --host or --port");
}

}  // namespace

// All of it runs on the I/O thread, but for what the worker's callbacks post there.
struct Server::State {
  State(const LoadedModel& loaded, const DeployConfig& config, ServerOptions given,
        ServerClock clock);

  void accept();
  void wait_for_signal();
  void drain();
  void end_drain();
  void stop_if_drained();
  void fail(const std::string& reason);

  ServerOptions options;
  asio::io_context io{1};
  tcp::acceptor acceptor;
  int port;
  asio::signal_set signals{io};
  asio::steady_timer timer{io};
  ServedModel model;
  std::unique_ptr<Engine> engine;
  ServerMetrics metrics;
  EngineWorker worker;
  CompletionService completions;
  Router router;
  HttpSession::Callbacks callbacks;
  std::set<HttpSession*> sessions;
  bool draining = false;
  std::string failure;  // the engine's
};

Server::State::State(const LoadedModel& loaded, const DeployConfig& config, ServerOptions given,
                     ServerClock clock)
    : options(std::move(given)),
      acceptor(listen(io, options.host, options.port)),
      port(acceptor.local_endpoint().port()),
      model(loaded, config, options.names),
      engine(loaded.engine(config)),
      worker(*engine, {.now = clock.now,
                       .deliver =
                           [this](StepEvents step) {
                             asio::post(
                                 io, [this, step = std::move(step)] { completions.deliver(step); });
                           },
                       .failed =
                           [this](std::string reason) {
                             asio::post(io, [this, reason = std::move(reason)] { fail(reason); });
                           }}),
      completions(model, *engine, worker, metrics, clock,
                  {.max_sequences = config.max_batch_size + options.max_queue,
                   .seed = options.seed,
                   .log = [this](std::string_view line) { options.log(LogLevel::debug, line); }}),
      router(model, completions, worker, metrics, clock),
      callbacks{
          .handle = [this](const HttpRequest& request,
                           const std::shared_ptr<Reply>& reply) { router.handle(request, reply); },
          .log = [this](std::string_view line) { options.log(LogLevel::info, line); },
          .closed =
              [this](HttpSession* session) {
                sessions.erase(session);
                stop_if_drained();
              }} {
  accept();
  if (options.stop_on_signals) {
    signals.add(SIGINT);
    signals.add(SIGTERM);
    wait_for_signal();
  }
}

void Server::State::accept() {
  acceptor.async_accept([this](Error error, tcp::socket socket) {
    if (draining) return;
    if (error) {
      options.log(LogLevel::warning, "cannot accept a connection: " + error.message());
      timer.expires_after(kAcceptRetry);
      timer.async_wait([this](Error cancelled) {
        if (!cancelled) accept();
      });
      return;
    }
    if (sessions.size() < static_cast<std::size_t>(options.max_connections)) {
      Error ignored;  // without it tokens may wait for acknowledgements: slower, not wrong
      socket.set_option(tcp::no_delay(true), ignored);
      const auto session =
          std::make_shared<HttpSession>(std::move(socket), options.http, callbacks);
      sessions.insert(session.get());
      session->start();
    } else {
      options.log(LogLevel::warning, "too many connections: one more was closed");
    }
    accept();
  });
}

void Server::State::wait_for_signal() {
  signals.async_wait([this](Error error, int) {
    if (error) return;
    if (draining) return end_drain();
    drain();
    wait_for_signal();
  });
}

void Server::State::drain() {
  if (draining) return;
  draining = true;
  options.log(LogLevel::info, "stopping: no more requests are taken");
  acceptor.close();
  router.set_unhealthy("the server is stopping");
  completions.refuse_new(ApiError(503, "the server is stopping"));
  timer.expires_after(options.drain_time);
  timer.async_wait([this](Error cancelled) {
    if (!cancelled) end_drain();
  });
  const std::set<HttpSession*> open = sessions;  // drain() may close, and closing erases
  for (HttpSession* session : open) session->drain();
  stop_if_drained();
}

void Server::State::end_drain() {
  if (!completions.idle())
    options.log(LogLevel::warning, "stopping before all requests are finished");
  completions.end_all(ApiError(503, "the server is stopping"), &EndCounts::abort);
  timer.expires_after(kLastWrites);
  timer.async_wait([this](Error cancelled) {
    if (!cancelled) io.stop();
  });
}

void Server::State::stop_if_drained() {
  if (draining && sessions.empty()) io.stop();
}

void Server::State::fail(const std::string& reason) {
  failure = reason;
  completions.refuse_new(ApiError(500, "the engine failed: " + reason));
  completions.end_all(ApiError(500, "the engine failed: " + reason), &EndCounts::error);
  drain();
}

Server::Server(const LoadedModel& loaded, const DeployConfig& config, ServerOptions options,
               ServerClock clock)
    : state_(std::make_unique<State>(loaded, config, std::move(options), std::move(clock))) {}

Server::~Server() = default;

int Server::port() const { return state_->port; }

void Server::run() {
  state_->io.run();
  if (!state_->failure.empty()) throw std::runtime_error("the engine failed: " + state_->failure);
}

void Server::stop() {
  asio::post(state_->io, [state = state_.get()] { state->drain(); });
}

}  // namespace paretune
