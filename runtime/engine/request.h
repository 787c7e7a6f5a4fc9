// What goes into the engine and what comes out of it.
#pragma once

#include <cstdint>
#include <vector>

namespace paretune {

struct Sampling {
  float temperature = 0;  // 0: greedy
  int top_k = 0;          // 0: off
  float top_p = 1;
  float min_p = 0;  // relative to the most likely token
  std::uint64_t seed = 0;
  int max_tokens = 16;
  bool ignore_eos = false;  // go on to max_tokens: load tests
};

struct Request {
  std::uint64_t id = 0;
  std::vector<int> prompt;  // token ids, at least one
  Sampling sampling;
  // If any: how likely they are, and nothing is generated. The last would come after the whole
  // prompt, and those before it are the prompt's last. No more than the prompt has.
  std::vector<int> rated;
};

enum class FinishReason { none, stop, length, cancelled };  // none: goes on

// One sampled token. On finish == stop the token is the end-of-generation token and not part of the
// text. Or, of a request that rates, its only event: the last of the rated, the logprob of all of
// them together, finish == length.
struct TokenEvent {
  std::uint64_t request_id = 0;
  int token = 0;
  float logprob =
      0;  // natural log of its probability under the raw distribution (before temperature and cuts)
  FinishReason finish = FinishReason::none;
};

}  // namespace paretune
