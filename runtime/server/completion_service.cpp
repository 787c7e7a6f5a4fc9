#include "runtime/server/completion_service.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "runtime/engine/text_output.h"

namespace paretune {
namespace {

struct Choice {
  std::uint64_t id;  // of its sequence
  int prompt_tokens;
  TextOutput output;
  ChoiceText text;  // all of it, unless it is streamed
  int tokens = 0;
  int characters = 0;
  double last_token_time = 0;
  bool open = true;
};

int count_characters(std::string_view bytes) {
  return static_cast<int>(std::ranges::count_if(bytes, [](char c) { return (c & 0xC0) != 0x80; }));
}

void append(ChoiceText& whole, ChoiceText part) {
  whole.text += part.text;
  std::ranges::move(part.logprobs, std::back_inserter(whole.logprobs));
  whole.finish = part.finish;
}

}  // namespace

struct CompletionService::Generation {
  CompletionHead head;
  CompletionRequest request;
  std::shared_ptr<Reply> reply;
  double arrival = 0;
  Usage usage;
  std::vector<Choice> choices;
  std::size_t open = 0;
};

CompletionService::CompletionService(const ServedModel& model, const Engine& engine,
                                     EngineWorker& worker, ServerMetrics& metrics,
                                     ServerClock clock, Options options)
    : model_(model),
      engine_(engine),
      worker_(worker),
      metrics_(metrics),
      clock_(std::move(clock)),
      options_(std::move(options)),
      rng_(options_.seed) {}

CompletionService::~CompletionService() = default;

// The engine's requests, one per prompt; all but their ids and seeds.
std::vector<Request> CompletionService::admit(CompletionRequest& request) const {
  std::vector<std::vector<int>> prompts;
  const char* param = request.api == Api::chat ? "messages" : "prompt";
  if (request.api == Api::chat) {
    prompts.push_back(
        model_.encode_messages(request.messages, request.switches, clock_.unix_seconds()));
  }
  for (const Prompt& prompt : request.prompts) {
    const auto* text = std::get_if<std::string>(&prompt);
    prompts.push_back(text ? model_.encode_text(*text, param) : std::get<std::vector<int>>(prompt));
  }
  const std::size_t wanted = prompts.size() * static_cast<std::size_t>(request.n);
  const auto most = static_cast<std::size_t>(options_.max_sequences);
  if (wanted > most) {
    throw ApiError(400,
                   "n: prompts times n is " + std::to_string(wanted) +
                       "; this server takes at most " + std::to_string(most) + " at once",
                   "n");
  }
  std::vector<Request> requests;
  for (std::vector<int>& prompt : prompts) {
    if (prompt.size() >= static_cast<std::size_t>(model_.context_tokens())) {
      throw ApiError(400,
                     std::string(param) + ": " + std::to_string(prompt.size()) +
                         " tokens leave no room for an answer in the context of " +
                         std::to_string(model_.context_tokens()),
                     param, "context_length_exceeded");
    }
    Request& admitted = requests.emplace_back();
    admitted.sampling = request.sampling;
    admitted.sampling.max_tokens = model_.max_tokens(request, static_cast<int>(prompt.size()));
    admitted.prompt = std::move(prompt);
    const std::string reason = engine_.refuse_reason(admitted);
    if (!reason.empty()) throw ApiError(400, std::string(param) + ": " + reason, param);
  }
  if (sequences_.size() + wanted > most) {
    throw ApiError(429, "the queue is full; try again soon", "", "queue_full");
  }
  return requests;
}

void CompletionService::start(Api api, const HttpRequest& http,
                              const std::shared_ptr<Reply>& reply) {
  if (refusal_) throw *refusal_;
  auto generation = std::make_shared<Generation>();
  Generation& g = *generation;
  g.arrival = clock_.now();
  g.request = parse_completion_request(api, http.body);
  model_.check_name(g.request.model);
  const std::vector<Request> requests = admit(g.request);

  std::array<char, 40> id;
  std::snprintf(id.data(), id.size(), "%016llx%08llx", static_cast<unsigned long long>(rng_()),
                static_cast<unsigned long long>(rng_() >> 32));
  g.head = {.api = api,
            .id = (api == Api::chat ? "chatcmpl-" : "cmpl-") + std::string(id.data()),
            .created = clock_.unix_seconds(),
            .model = model_.id()};
  g.reply = reply;
  for (const Request& prompt : requests) {
    g.usage.prompt_tokens += static_cast<int>(prompt.prompt.size());
    for (int i = 0; i < g.request.n; ++i) {
      // Choices differ by their seeds; those of a request that names one are the same each time.
      Request request = prompt;
      request.id = next_id_++;
      request.sampling.seed = g.request.seed ? *g.request.seed + g.choices.size() : rng_();
      g.choices.push_back({.id = request.id,
                           .prompt_tokens = static_cast<int>(request.prompt.size()),
                           .output = TextOutput(model_.tokenizer(), g.request.stops),
                           .text = {.index = static_cast<int>(g.choices.size()),
                                    .has_logprobs = g.request.logprobs}});
      sequences_.emplace(request.id, Sequence{generation, g.choices.size() - 1});
      worker_.submit(std::move(request));
    }
  }
  g.open = g.choices.size();
  reply->on_disconnect([this, weak = std::weak_ptr(generation)] {
    if (const auto left = weak.lock()) drop(*left, &EndCounts::abort);
  });
  if (g.request.stream) reply->begin_stream("text/event-stream; charset=utf-8");
}

void CompletionService::deliver(const StepEvents& step) {
  for (const TokenEvent& event : step.events) {
    const auto found = sequences_.find(event.request_id);
    if (found == sequences_.end()) continue;  // dropped while this step ran
    const Sequence sequence = found->second;  // a copy: take_token may erase it
    take_token(event.request_id, sequence, event, step.time);
  }
}

void CompletionService::take_token(std::uint64_t id, const Sequence& sequence,
                                   const TokenEvent& event, double time) {
  Generation& g = *sequence.generation;
  Choice& choice = g.choices[sequence.choice];
  const bool first = choice.tokens++ == 0;
  ++g.usage.completion_tokens;
  if (first) {
    metrics_.prompt_tokens += static_cast<std::uint64_t>(choice.prompt_tokens);
    metrics_.ttft.observe(time - g.arrival);
  } else {
    metrics_.itl.observe(time - choice.last_token_time);
  }
  choice.last_token_time = time;

  ChoiceText part{
      .index = choice.text.index, .has_logprobs = g.request.logprobs, .finish = event.finish};
  if (event.finish != FinishReason::stop) {  // else it is the end-of-generation token
    part.text = choice.output.push(event.token);
    if (g.request.logprobs) {
      const std::string& bytes = model_.tokenizer().token_bytes(event.token);
      part.logprobs.push_back({bytes, event.logprob, choice.characters});
      choice.characters += count_characters(bytes);
    }
  }
  if (event.finish != FinishReason::none) part.text += choice.output.finish();
  if (choice.output.stopped()) {
    if (event.finish == FinishReason::none) worker_.cancel(id);
    part.finish = FinishReason::stop;
  }
  const bool ended = part.finish != FinishReason::none;
  if (!g.request.stream) {
    append(choice.text, std::move(part));
  } else if (first || ended || !part.text.empty() || !part.logprobs.empty()) {
    choice.text.finish = part.finish;
    g.reply->stream(sse_event(chunk_json(g.head, part, first, g.request.include_usage)));
  }
  if (ended) end_sequence(id, sequence, time);
}

void CompletionService::end_sequence(std::uint64_t id, const Sequence& sequence, double time) {
  Generation& g = *sequence.generation;
  Choice& choice = g.choices[sequence.choice];
  const bool stopped = choice.text.finish == FinishReason::stop;
  ++(stopped ? metrics_.ended.stop : metrics_.ended.length);
  metrics_.e2e.observe(time - g.arrival);
  metrics_.request_prompt_tokens.observe(choice.prompt_tokens);
  metrics_.request_generation_tokens.observe(choice.tokens);
  choice.open = false;
  sequences_.erase(id);
  if (--g.open == 0) finish(g);
}

void CompletionService::finish(Generation& g) {
  if (g.request.stream) {
    if (g.request.include_usage) g.reply->stream(sse_event(usage_chunk_json(g.head, g.usage)));
    g.reply->stream(sse_event(kSseDone));
    g.reply->end_stream();
  } else {
    std::vector<ChoiceText> choices;
    for (Choice& choice : g.choices) choices.push_back(std::move(choice.text));
    g.reply->send({.body = completion_json(g.head, choices, g.usage)});
  }
  options_.log(g.head.id + ": " + std::to_string(g.usage.prompt_tokens) + " prompt tokens, " +
               std::to_string(g.usage.completion_tokens) + " sampled in " +
               std::to_string(clock_.now() - g.arrival) + " s");
}

// Forgets what of it still runs.
void CompletionService::drop(Generation& g, std::uint64_t EndCounts::*counted_as) {
  for (Choice& choice : g.choices) {
    if (!choice.open) continue;
    choice.open = false;
    ++(metrics_.ended.*counted_as);
    worker_.cancel(choice.id);
    sequences_.erase(choice.id);
  }
  options_.log(g.head.id + ": dropped after " + std::to_string(g.usage.completion_tokens) +
               " tokens");
}

void CompletionService::end_all(const ApiError& reason, std::uint64_t EndCounts::*counted_as) {
  while (!sequences_.empty()) {
    const std::shared_ptr<Generation> generation = sequences_.begin()->second.generation;
    drop(*generation, counted_as);
    if (generation->request.stream) {
      generation->reply->stream(sse_event(to_json(reason)));
      generation->reply->end_stream();
    } else {
      generation->reply->send(to_response(reason));
    }
  }
}

}  // namespace paretune
