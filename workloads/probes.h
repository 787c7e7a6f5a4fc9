// Questions that fit any language model and need no data set: made from a seed, as many as asked
// for, each with two worked examples before it so that models without instruction tuning understand
// the format. A workload names them as evals: {"path": "probe:copy"}, or all as "probe:all".
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "workloads/graders.h"
#include "workloads/random.h"

namespace paretune {

struct Probe {
  std::string_view name;  // the capability
  std::string_view help;
  // One question with its answer, as a worked example or to be asked.
  struct Pair {
    std::string question, answer;
    std::vector<std::string> choices;  // where the answer is one of few
    std::string fact = {};             // that is asked for, where others may ask for it as well
  };
  Pair (*make)(RandomEngine& rng);
  const Grader* grader = nullptr;  // of questions with choices; null: choice_logprob
};

Probe::Pair short_recall(RandomEngine& rng);
Probe::Pair long_recall(RandomEngine& rng);
Probe::Pair pattern(RandomEngine& rng);
Probe::Pair copy_words(RandomEngine& rng);
Probe::Pair arithmetic(RandomEngine& rng);
Probe::Pair sort_words(RandomEngine& rng);
Probe::Pair extract_json(RandomEngine& rng);
Probe::Pair entailment(RandomEngine& rng);
Probe::Pair knowledge(RandomEngine& rng);

inline constexpr std::array kProbes{
    Probe{"recall", "a value said a sentence before", short_recall},
    Probe{"long_recall", "a value said some hundred words before", long_recall},
    Probe{"induction", "a made-up mapping, shown and to be applied", pattern},
    Probe{"copy", "a line of words, again", copy_words},
    Probe{"arithmetic", "sums and differences of two numbers", arithmetic},
    Probe{"sort", "words in alphabetical order", sort_words},
    Probe{"extraction", "what a sentence says, as JSON", extract_json},
    Probe{"entailment", "whether a conclusion follows", entailment},
    Probe{"knowledge", "facts; right is what full precision is sure of", knowledge, &kOwnChoice},
};

inline constexpr std::string_view kProbePath = "probe:";  // before a probe's name, or "all"
inline constexpr int kProbeItems = 1700;                  // of each, where nobody asks for fewer

// The first n questions of a seed; fewer are a prefix of more.
std::vector<EvalItem> probe_items(const Probe& probe, int n, std::uint64_t seed);

// The probes that a path names: none where it names no probe. Throws std::runtime_error with the
// known names where what follows "probe:" is unknown.
std::vector<const Probe*> probes_named(std::string_view path);

}  // namespace paretune
