#include "runtime/server/engine_worker.h"

#include <exception>
#include <utility>

namespace paretune {

EngineWorker::EngineWorker(Engine& engine, Callbacks callbacks)
    : engine_(engine),
      callbacks_(std::move(callbacks)),
      stats_(engine.stats()),
      thread_([this] { run(); }) {}

EngineWorker::~EngineWorker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void EngineWorker::submit(Request request) { push(std::move(request)); }

void EngineWorker::cancel(std::uint64_t request_id) { push(request_id); }

EngineStats EngineWorker::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void EngineWorker::push(Command command) {
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

// Waits for commands if there is nothing to step. False: stop.
bool EngineWorker::take_commands(std::vector<Command>& commands) {
  commands.clear();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stop_ || !commands_.empty() || !engine_.idle(); });
  commands.swap(commands_);
  return !stop_;
}

void EngineWorker::run() try {
  std::vector<Command> commands;
  while (take_commands(commands)) {
    for (Command& command : commands) {
      if (Request* request = std::get_if<Request>(&command)) {
        engine_.submit(std::move(*request));
      } else {
        engine_.cancel(std::get<std::uint64_t>(command));
      }
    }
    const std::span<const TokenEvent> events = engine_.step();
    const EngineStats stats = engine_.stats();
    {
      const std::lock_guard lock(mutex_);
      stats_ = stats;
    }
    if (!events.empty()) callbacks_.deliver({callbacks_.now(), {events.begin(), events.end()}});
  }
} catch (const std::exception& error) {
  callbacks_.failed(error.what());
}

}  // namespace paretune
