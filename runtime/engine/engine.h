// Continuous batching: requests join and leave between steps; each step runs what the scheduler
// planned through the model once and samples one token for every sequence whose prompt is complete.
//
// Not thread-safe: one thread owns the engine and calls submit, cancel and step. The model's
// threads are its own.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/engine/request.h"
#include "runtime/engine/step_runner.h"

namespace paretune {

struct EngineStats {
  int running = 0;
  int waiting = 0;
  double kv_cache_usage = 0;  // fraction of pages held by running sequences
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;         // prefilled, cached ones not counted
  std::uint64_t prefix_cache_queries = 0;  // prompt tokens looked up
  std::uint64_t prefix_cache_hits = 0;     // of those, found
  std::uint64_t generated_tokens = 0;
  std::size_t kv_bytes = 0;           // allocated for the cache
  std::size_t kv_capacity_bytes = 0;  // with all its pages
};

class Engine {
 public:
  // config is the one that the runner's model was loaded with.
  Engine(std::unique_ptr<StepRunner> runner, const DeployConfig& config);
  ~Engine();

  // Reads only what never changes, so any thread may ask.
  // Why this request can never run (empty prompt, unknown token id, longer than the context or the
  // cache), or "".
  std::string refuse_reason(const Request& request) const;

  void submit(Request request);           // refuse_reason must be empty
  void cancel(std::uint64_t request_id);  // unknown or finished ids are ignored; no event follows
  bool idle() const;                      // nothing runs or waits

  // One step. Returns its token events in the order of submission; empty if idle or if only prompt
  // chunks ran. The span is valid until the next call.
  std::span<const TokenEvent> step();

  // Drops all cached prefixes (between measurements, so that each starts cold).
  void clear_prefix_cache();

  EngineStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paretune
