// The one thread that owns the engine: it takes requests and cancellations between steps, and steps
// as long as anything runs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "runtime/engine/engine.h"

namespace paretune {

struct StepEvents {
  double time = 0;  // when the step ended, seconds on the caller's clock
  std::vector<TokenEvent> events;
};

class EngineWorker {
 public:
  struct Callbacks {              // called on the worker's thread; must not throw
    std::function<double()> now;  // seconds, monotonic
    std::function<void(StepEvents)> deliver;
    std::function<void(std::string reason)>
        failed;  // the engine threw; nothing is delivered any more
  };

  // The engine must outlive the worker, and is its alone.
  EngineWorker(Engine& engine, Callbacks callbacks);
  ~EngineWorker();  // leaves what runs unfinished

  // From any thread. They take effect in the order of the calls, before the next step.
  void submit(Request request);
  void cancel(std::uint64_t request_id);

  // As of the last step, submit or cancel that took effect.
  EngineStats stats() const;

 private:
  using Command = std::variant<Request, std::uint64_t>;  // submit, or cancel this id

  void push(Command command);
  void run();
  bool take_commands(std::vector<Command>& commands);

  Engine& engine_;
  Callbacks callbacks_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;  // guarded by mutex_, as are the next two
  EngineStats stats_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace paretune
