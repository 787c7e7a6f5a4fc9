#include "runtime/engine/engine.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <string>

#include "runtime/engine/kv_pool.h"
#include "runtime/engine/sampler.h"
#include "runtime/engine/scheduler.h"

namespace paretune {
namespace {

// A request that runs. Invariant: the cache holds tokens[0, computed); pages cover at least those.
struct Sequence {
  Request request;
  Sampler sampler;
  std::vector<int> tokens;  // prompt, then what was sampled
  int computed = 0;
  int generated = 0;
  int max_pages = 0;  // reserved at admission, so a running sequence never lacks a page
  std::vector<KvPool::PageId> pages;
  std::vector<std::vector<std::byte*>> layer_pages;  // [layer][page]
  std::vector<std::byte*> layer_windows;             // KvPool::open_window
  std::uint64_t prefix_key = 0;                      // of the last published page
  int published = 0;                                 // pages
  double rated_logprob = 0;                          // of those that are computed

  int prompt_size() const { return static_cast<int>(request.prompt.size()); }
  bool decoding() const { return generated > 0; }
  bool rates() const { return !request.rated.empty(); }
  // Of the prompt, the first whose logits are wanted.
  int first_wanted() const {
    return prompt_size() - std::max(static_cast<int>(request.rated.size()), 1);
  }
};

}  // namespace

struct Engine::State {
  State(std::unique_ptr<StepRunner> r, const DeployConfig& c)
      : runner(std::move(r)),
        config(c),
        kv(cached_shape(), *c.kv_cache, c.kv_page_tokens, c.kv_cache_tokens) {}

  const ModelShape& shape() const { return runner->shape(); }
  ModelShape cached_shape() const {
    ModelShape cached = shape();
    cached.n_layers = runner->cached_layers();
    return cached;
  }

  int tokens_at_most(const Request& request) const {
    const auto prompt = static_cast<std::int64_t>(request.prompt.size());
    if (!request.rated.empty()) return static_cast<int>(prompt);
    return static_cast<int>(
        std::min<std::int64_t>(prompt + request.sampling.max_tokens, shape().max_seq_len));
  }
  void admit();
  bool try_admit(Request& request);
  void add_page(Sequence& sequence, KvPool::PageId page);
  void publish_prompt_pages(Sequence& sequence);
  void release(Sequence& sequence);
  FinishReason append(Sequence& sequence, int token);

  std::unique_ptr<StepRunner> runner;
  DeployConfig config;
  KvPool kv;
  std::deque<Request> waiting;
  std::vector<Sequence> running;  // in the order of admission
  int promised_pages = 0;         // reserved by running sequences, not yet allocated
  std::vector<TokenEvent> events;
  EngineStats stats;
};

Engine::Engine(std::unique_ptr<StepRunner> runner, const DeployConfig& config)
    : state_(std::make_unique<State>(std::move(runner), config)) {}
Engine::~Engine() = default;

std::string Engine::refuse_reason(const Request& request) const {
  const ModelShape& shape = state_->shape();
  const auto prompt = request.prompt.size();
  if (prompt == 0) return "the prompt is empty";
  if (request.sampling.max_tokens < 1) return "max_tokens must be at least 1";
  if (request.rated.size() > prompt) return "more tokens are rated than the prompt has";
  for (const auto* tokens : {&request.prompt, &request.rated}) {
    for (const int token : *tokens) {
      if (token < 0 || token >= shape.vocab_size) {
        return "token id " + std::to_string(token) + " is not in the vocabulary of " +
               std::to_string(shape.vocab_size);
      }
    }
  }
  const auto limit = static_cast<std::size_t>(shape.max_seq_len);
  if (prompt >= limit) {
    return "the prompt has " + std::to_string(prompt) + " tokens; the context holds " +
           std::to_string(limit) + " with at least one of them generated";
  }
  if (state_->kv.pages_for(state_->tokens_at_most(request)) > state_->kv.pages()) {
    return "prompt and max_tokens need " + std::to_string(state_->tokens_at_most(request)) +
           " tokens of KV cache; kv_cache_tokens is " +
           std::to_string(state_->config.kv_cache_tokens);
  }
  return "";
}

void Engine::submit(Request request) {
  assert(refuse_reason(request).empty());
  state_->waiting.push_back(std::move(request));
}

void Engine::cancel(std::uint64_t request_id) {
  State& s = *state_;
  std::erase_if(s.waiting, [&](const Request& r) { return r.id == request_id; });
  std::erase_if(s.running, [&](Sequence& sequence) {
    if (sequence.request.id != request_id) return false;
    s.release(sequence);
    return true;
  });
}

bool Engine::idle() const { return state_->running.empty() && state_->waiting.empty(); }

void Engine::clear_prefix_cache() { state_->kv.clear_cache(); }

EngineStats Engine::stats() const {
  const State& s = *state_;
  EngineStats stats = s.stats;
  stats.running = static_cast<int>(s.running.size());
  stats.waiting = static_cast<int>(s.waiting.size());
  stats.kv_cache_usage = 1 - static_cast<double>(s.kv.available()) / s.kv.pages();
  stats.kv_bytes = s.kv.allocated_bytes();
  stats.kv_capacity_bytes = s.kv.capacity_bytes();
  return stats;
}

void Engine::State::admit() {
  while (!waiting.empty() && static_cast<int>(running.size()) < config.max_batch_size &&
         try_admit(waiting.front())) {
    waiting.pop_front();
  }
}

bool Engine::State::try_admit(Request& request) {
  const int max_pages = kv.pages_for(tokens_at_most(request));
  // Conservative: cached pages that this prompt would share count as new ones.
  if (kv.available() - promised_pages < max_pages) return false;

  Sequence sequence{.request = std::move(request), .sampler = Sampler({}), .max_pages = max_pages};
  sequence.sampler = Sampler(sequence.request.sampling);
  sequence.tokens = sequence.request.prompt;
  sequence.layer_pages.resize(static_cast<std::size_t>(runner->cached_layers()));
  if (config.prefix_caching) {
    // What logits are wanted of is computed.
    const int full = sequence.first_wanted() / kv.page_tokens();
    stats.prefix_cache_queries += static_cast<std::uint64_t>(sequence.prompt_size());
    while (sequence.published < full) {
      const std::span<const int> page_tokens =
          std::span(sequence.tokens)
              .subspan(static_cast<std::size_t>(sequence.computed),
                       static_cast<std::size_t>(kv.page_tokens()));
      const std::uint64_t key = KvPool::key(sequence.prefix_key, page_tokens);
      const KvPool::PageId page = kv.find(key, page_tokens);
      if (page < 0) break;
      add_page(sequence, page);
      sequence.prefix_key = key;
      sequence.computed += kv.page_tokens();
      ++sequence.published;
    }
    stats.prefix_cache_hits += static_cast<std::uint64_t>(sequence.computed);
  }
  sequence.layer_windows = kv.open_window();
  promised_pages += max_pages - static_cast<int>(sequence.pages.size());
  running.push_back(std::move(sequence));
  return true;
}

void Engine::State::add_page(Sequence& sequence, KvPool::PageId page) {
  sequence.pages.push_back(page);
  for (int layer = 0; layer < runner->cached_layers(); ++layer) {
    sequence.layer_pages[static_cast<std::size_t>(layer)].push_back(kv.layer(page, layer));
  }
}

void Engine::State::publish_prompt_pages(Sequence& sequence) {
  if (!config.prefix_caching) return;
  const int size = kv.page_tokens();
  while ((sequence.published + 1) * size <= std::min(sequence.computed, sequence.prompt_size())) {
    const std::span<const int> page_tokens =
        std::span(sequence.tokens)
            .subspan(static_cast<std::size_t>(sequence.published * size),
                     static_cast<std::size_t>(size));
    sequence.prefix_key = KvPool::key(sequence.prefix_key, page_tokens);
    kv.publish(sequence.pages[static_cast<std::size_t>(sequence.published)], sequence.prefix_key,
               page_tokens);
    ++sequence.published;
  }
}

void Engine::State::release(Sequence& sequence) {
  promised_pages -= sequence.max_pages - static_cast<int>(sequence.pages.size());
  for (const KvPool::PageId page : sequence.pages) kv.release(page);
  sequence.pages.clear();
  kv.close_window(sequence.layer_windows);
}

// Takes a sampled token in and says whether the sequence goes on.
FinishReason Engine::State::append(Sequence& sequence, int token) {
  sequence.tokens.push_back(token);
  ++sequence.generated;
  ++stats.generated_tokens;
  if (!sequence.request.sampling.ignore_eos &&
      std::ranges::binary_search(runner->end_tokens(), token))
    return FinishReason::stop;
  if (sequence.generated >= sequence.request.sampling.max_tokens ||
      static_cast<int>(sequence.tokens.size()) >= shape().max_seq_len) {
    return FinishReason::length;
  }
  return FinishReason::none;
}

std::span<const TokenEvent> Engine::step() {
  State& s = *state_;
  s.events.clear();
  s.admit();
  if (s.running.empty()) return {};

  std::vector<SequenceProgress> progress;
  for (const Sequence& sequence : s.running) {
    progress.push_back(
        {static_cast<int>(sequence.tokens.size()) - sequence.computed, sequence.decoding()});
  }
  const std::vector<Slice> plan =
      plan_step(progress, std::max(s.config.prefill_chunk, static_cast<int>(s.running.size())),
                s.config.schedule.name);

  std::vector<Segment> segments;
  Phase phase = Phase::decode;
  for (const Slice& slice : plan) {
    Sequence& sequence = s.running[static_cast<std::size_t>(slice.sequence)];
    while (static_cast<int>(sequence.pages.size()) <
           s.kv.pages_for(sequence.computed + slice.tokens)) {
      s.add_page(sequence, s.kv.allocate());
      --s.promised_pages;
    }
    segments.push_back({.tokens = std::span(sequence.tokens)
                                      .subspan(static_cast<std::size_t>(sequence.computed),
                                               static_cast<std::size_t>(slice.tokens)),
                        .past = sequence.computed,
                        .logits_from = sequence.decoding()
                                           ? slice.tokens - 1
                                           : std::clamp(sequence.first_wanted() - sequence.computed,
                                                        0, slice.tokens),
                        .layer_pages = sequence.layer_pages,
                        .layer_windows = sequence.layer_windows});
    if (!sequence.decoding()) phase = Phase::prefill;
  }
  s.runner->run(segments, phase);
  ++s.stats.steps;

  std::vector<bool> finished(s.running.size());
  for (std::size_t i = 0; i < plan.size(); ++i) {
    Sequence& sequence = s.running[static_cast<std::size_t>(plan[i].sequence)];
    sequence.computed += plan[i].tokens;
    if (!sequence.decoding()) {
      s.stats.prompt_tokens += static_cast<std::uint64_t>(plan[i].tokens);
      s.publish_prompt_pages(sequence);
    }
    if (segments[i].logits_from == plan[i].tokens) continue;
    if (sequence.rates()) {
      const int end = sequence.computed - sequence.first_wanted();  // of the rated
      for (int r = end - (plan[i].tokens - segments[i].logits_from); r < end; ++r)
        sequence.rated_logprob +=
            s.runner->logprob(sequence.request.rated[static_cast<std::size_t>(r)]);
      if (sequence.computed < sequence.prompt_size()) continue;
      s.events.push_back({sequence.request.id, sequence.request.rated.back(),
                          static_cast<float>(sequence.rated_logprob), FinishReason::length});
      finished[static_cast<std::size_t>(plan[i].sequence)] = true;
      continue;
    }
    const Sampler::Choice choice = s.runner->next_token(sequence.sampler);
    const FinishReason finish = s.append(sequence, choice.token);
    s.events.push_back({sequence.request.id, choice.token, choice.logprob, finish});
    finished[static_cast<std::size_t>(plan[i].sequence)] = finish != FinishReason::none;
  }
  for (std::size_t i = s.running.size(); i-- > 0;) {
    if (!finished[i]) continue;
    s.release(s.running[i]);
    s.running.erase(s.running.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return s.events;
}

}  // namespace paretune
