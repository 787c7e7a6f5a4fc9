// Completions under way: requests into sequences of the engine, and its tokens into answers.
//
// Lives on the I/O thread. The engine's thread only sees requests and cancellations (EngineWorker),
// so that text, JSON and slow clients never delay a step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string_view>
#include <unordered_map>

#include "runtime/server/api_error.h"
#include "runtime/server/completion_json.h"
#include "runtime/server/engine_worker.h"
#include "runtime/server/http_message.h"
#include "runtime/server/metrics.h"
#include "runtime/server/served_model.h"

namespace paretune {

// Time is passed in, as everywhere.
struct ServerClock {
  std::function<double()> now;  // seconds, monotonic
  std::function<std::int64_t()> unix_seconds;
};

class CompletionService {
 public:
  struct Options {
    int max_sequences = 1;   // running and waiting, of all requests; beyond it 429
    std::uint64_t seed = 0;  // of ids, and of the sampling of requests that set no seed
    std::function<void(std::string_view)> log;
  };

  // All of them outlive the service. engine is asked only what it would refuse, which never
  // changes.
  CompletionService(const ServedModel& model, const Engine& engine, EngineWorker& worker,
                    ServerMetrics& metrics, ServerClock clock, Options options);
  ~CompletionService();

  // Takes the request in, and answers through reply as tokens come. Throws ApiError if it is
  // refused.
  void start(Api api, const HttpRequest& request, const std::shared_ptr<Reply>& reply);

  void deliver(const StepEvents& step);

  void refuse_new(const ApiError& reason) { refusal_ = reason; }  // what start() throws from now on
  void end_all(const ApiError& reason, std::uint64_t EndCounts::*counted_as);

  bool idle() const { return sequences_.empty(); }

 private:
  struct Generation;
  struct Sequence {
    std::shared_ptr<Generation> generation;
    std::size_t choice;
  };

  std::vector<Request> admit(CompletionRequest& request) const;
  void take_token(std::uint64_t id, const Sequence& sequence, const TokenEvent& event, double time);
  void end_sequence(std::uint64_t id, const Sequence& sequence, double time);
  void finish(Generation& generation);
  void drop(Generation& generation, std::uint64_t EndCounts::*counted_as);

  const ServedModel& model_;
  const Engine& engine_;
  EngineWorker& worker_;
  ServerMetrics& metrics_;
  ServerClock clock_;
  Options options_;
  std::mt19937_64 rng_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, Sequence> sequences_;  // by the engine's request id
  std::optional<ApiError> refusal_;
};

}  // namespace paretune
