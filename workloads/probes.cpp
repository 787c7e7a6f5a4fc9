#include "workloads/probes.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace paretune {
namespace {

constexpr std::array<std::string_view, 40> kWords{
    "apple",  "river",  "stone",   "candle", "garden", "silver", "window", "forest",
    "button", "copper", "island",  "ladder", "mirror", "needle", "orange", "pepper",
    "rocket", "saddle", "timber",  "velvet", "wagon",  "anchor", "basket", "circle",
    "dragon", "engine", "feather", "guitar", "hammer", "jacket", "kettle", "lemon",
    "magnet", "number", "oyster",  "pencil", "rabbit", "spider", "ticket", "violin"};
constexpr std::array<std::string_view, 16> kNames{
    "Anna",  "Boris", "Clara", "David", "Elena", "Frank", "Grace", "Henry",
    "Irene", "James", "Karen", "Louis", "Maria", "Peter", "Sarah", "Thomas"};
constexpr std::array<std::string_view, 8> kCities{"Paris",  "London", "Berlin", "Madrid",
                                                  "Vienna", "Oslo",   "Rome",   "Lisbon"};

// What the knowledge probe asks: both ways where there are two.
struct Facts {
  std::string_view forward, backward;  // "the capital of ", before what is known; empty: one way
  std::vector<std::array<std::string_view, 2>> pairs;
};

const std::vector<Facts>& facts() {
  static const std::vector<Facts> all{
      {"the capital of ",
       "the country whose capital is ",
       {{"France", "Paris"},
        {"Italy", "Rome"},
        {"Spain", "Madrid"},
        {"Germany", "Berlin"},
        {"Austria", "Vienna"},
        {"Norway", "Oslo"},
        {"Portugal", "Lisbon"},
        {"Greece", "Athens"},
        {"Japan", "Tokyo"},
        {"China", "Beijing"},
        {"Egypt", "Cairo"},
        {"Russia", "Moscow"},
        {"Poland", "Warsaw"},
        {"Sweden", "Stockholm"},
        {"Ireland", "Dublin"},
        {"Cuba", "Havana"}}},
      {"the opposite of ",
       "the opposite of ",
       {{"hot", "cold"},
        {"big", "small"},
        {"up", "down"},
        {"day", "night"},
        {"early", "late"},
        {"rich", "poor"},
        {"fast", "slow"},
        {"old", "young"},
        {"open", "closed"},
        {"full", "empty"},
        {"light", "dark"},
        {"wet", "dry"},
        {"happy", "sad"},
        {"strong", "weak"},
        {"high", "low"},
        {"long", "short"}}},
      {"the month after ",
       "the month before ",
       {{"January", "February"},
        {"February", "March"},
        {"March", "April"},
        {"April", "May"},
        {"May", "June"},
        {"June", "July"},
        {"July", "August"},
        {"August", "September"},
        {"September", "October"},
        {"October", "November"},
        {"November", "December"},
        {"December", "January"}}},
      {"the young of a ",
       "the animal whose young is a ",
       {{"cat", "kitten"},
        {"dog", "puppy"},
        {"cow", "calf"},
        {"sheep", "lamb"},
        {"horse", "foal"},
        {"pig", "piglet"},
        {"duck", "duckling"},
        {"deer", "fawn"},
        {"lion", "cub"},
        {"goose", "gosling"},
        {"hen", "chick"},
        {"goat", "kid"}}},
      {"the chemical symbol of ",
       "the element with the symbol ",
       {{"hydrogen", "H"},
        {"oxygen", "O"},
        {"carbon", "C"},
        {"nitrogen", "N"},
        {"iron", "Fe"},
        {"gold", "Au"},
        {"silver", "Ag"},
        {"copper", "Cu"},
        {"sodium", "Na"},
        {"lead", "Pb"},
        {"tin", "Sn"},
        {"zinc", "Zn"}}},
      {"the continent of ",
       "",
       {{"Brazil", "South America"},
        {"Kenya", "Africa"},
        {"India", "Asia"},
        {"France", "Europe"},
        {"Canada", "North America"},
        {"Nigeria", "Africa"},
        {"Peru", "South America"},
        {"Thailand", "Asia"},
        {"Hungary", "Europe"},
        {"Mexico", "North America"},
        {"Morocco", "Africa"},
        {"Vietnam", "Asia"},
        {"Chile", "South America"},
        {"Denmark", "Europe"}}},
      {"the plural of ",
       "the singular of ",
       {{"mouse", "mice"},
        {"child", "children"},
        {"foot", "feet"},
        {"tooth", "teeth"},
        {"man", "men"},
        {"goose", "geese"},
        {"leaf", "leaves"},
        {"knife", "knives"},
        {"city", "cities"},
        {"wolf", "wolves"},
        {"ox", "oxen"},
        {"wife", "wives"}}},
      {"the tool of a ",
       "the one who works with a ",
       {{"painter", "brush"},
        {"carpenter", "saw"},
        {"gardener", "spade"},
        {"tailor", "needle"},
        {"smith", "hammer"},
        {"writer", "pen"},
        {"fisherman", "net"},
        {"barber", "razor"},
        {"farmer", "plough"},
        {"surgeon", "scalpel"},
        {"photographer", "camera"},
        {"drummer", "drum"}}},
  };
  return all;
}

int below(RandomEngine& rng, int n) { return static_cast<int>(uniform01(rng) * n); }

// n different ones.
template <class List>
std::vector<std::string> draw(RandomEngine& rng, const List& list, int n) {
  std::vector<std::string> all(list.begin(), list.end());
  for (int i = 0; i < n; ++i) {
    std::swap(all[std::size_t(i)], all[std::size_t(i + below(rng, int(all.size()) - i))]);
  }
  all.resize(std::size_t(n));
  return all;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

Probe::Pair recall(RandomEngine& rng, int facts) {
  const std::vector<std::string> words = draw(rng, kWords, facts);
  std::string text;
  std::vector<int> codes;
  for (const std::string& word : words) {
    codes.push_back(10 + below(rng, 90));
    text += "The code of the " + word + " is " + std::to_string(codes.back()) + ". ";
  }
  const auto asked = std::size_t(below(rng, facts));
  return {text + "What is the code of the " + words[asked] + "?", std::to_string(codes[asked]), {}};
}

}  // namespace

Probe::Pair short_recall(RandomEngine& rng) { return recall(rng, 4); }
// Some that a context of 512 tokens holds as well, however small the vocabulary's words are.
Probe::Pair long_recall(RandomEngine& rng) { return recall(rng, 12 + below(rng, 9)); }

Probe::Pair pattern(RandomEngine& rng) {
  const std::vector<std::string> words = draw(rng, kWords, 10);
  std::string text;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 5; ++i) text += words[i] + " -> " + words[i + 5] + "; ";
  }
  const auto asked = std::size_t(below(rng, 5));
  return {text + words[asked] + " -> ?", words[asked + 5], {}};
}

Probe::Pair copy_words(RandomEngine& rng) {
  const std::string words = joined(draw(rng, kWords, 5), " ");
  return {"Repeat: " + words, words, {}};
}

Probe::Pair arithmetic(RandomEngine& rng) {
  const int a = 2 + below(rng, 98), b = 2 + below(rng, 98);
  if (below(rng, 2) == 0)
    return {"What is " + std::to_string(a) + " + " + std::to_string(b) + "?",
            std::to_string(a + b),
            {}};
  const int more = std::max(a, b), less = std::min(a, b);
  return {"What is " + std::to_string(more) + " - " + std::to_string(less) + "?",
          std::to_string(more - less),
          {}};
}

Probe::Pair sort_words(RandomEngine& rng) {
  std::vector<std::string> words = draw(rng, kWords, 4);
  const std::string question = "Sort alphabetically: " + joined(words, " ");
  std::ranges::sort(words);
  return {question, joined(words, " "), {}};
}

Probe::Pair extract_json(RandomEngine& rng) {
  const std::string name = draw(rng, kNames, 1)[0];
  const std::vector<std::string> cities = draw(rng, kCities, 2);
  const std::string seats = std::to_string(1 + below(rng, 8));
  return {"As JSON: " + name + " books " + seats + " seats from " + cities[0] + " to " + cities[1] +
              ".",
          R"({"name": ")" + name + R"(", "from": ")" + cities[0] + R"(", "to": ")" + cities[1] +
              R"(", "seats": )" + seats + "}",
          {}};
}

Probe::Pair entailment(RandomEngine& rng) {
  const std::vector<std::string> names = draw(rng, kNames, 3);
  const bool follows = below(rng, 2) == 0;
  return {names[0] + " is taller than " + names[1] + ". " + names[1] + " is taller than " +
              names[2] + ". Is " + (follows ? names[0] : names[2]) + " taller than " +
              (follows ? names[2] : names[0]) + "?",
          follows ? "yes" : "no",
          {"yes", "no"}};
}

Probe::Pair knowledge(RandomEngine& rng) {
  const Facts& group = facts()[std::size_t(below(rng, int(facts().size())))];
  const bool forward = group.backward.empty() || below(rng, 2) == 0;
  const std::size_t known = forward ? 0 : 1, asked = 1 - known;
  const auto& fact = group.pairs[std::size_t(below(rng, int(group.pairs.size())))];
  std::vector<std::string> choices{std::string(fact[asked])};
  while (choices.size() < 4) {
    const auto& other = group.pairs[std::size_t(below(rng, int(group.pairs.size())))];
    const std::string choice(other[asked]);
    if (choice != fact[known] && std::ranges::find(choices, choice) == choices.end())
      choices.push_back(choice);
  }
  std::swap(choices[0], choices[std::size_t(below(rng, 4))]);
  return {"What is " + std::string(forward ? group.forward : group.backward) +
              std::string(fact[known]) + "?",
          std::string(fact[asked]), choices, std::string(fact[0]) + ": " + std::string(fact[1])};
}

std::vector<EvalItem> probe_items(const Probe& probe, int n, std::uint64_t seed) {
  std::vector<EvalItem> items;
  std::set<std::string> asked;
  for (std::uint64_t draw = 0; int(items.size()) < n && draw < 8 * std::uint64_t(n); ++draw) {
    RandomEngine rng(derive_seed(seed, draw));
    std::string prompt;
    for (int example = 0; example < 2; ++example) {
      const Probe::Pair pair = probe.make(rng);
      prompt += "Question: " + pair.question + "\nAnswer: " + pair.answer + "\n\n";
    }
    const Probe::Pair pair = probe.make(rng);
    std::string whole = pair.question;  // other wrong choices make another question
    for (const std::string& choice : pair.choices) whole += '\n' + choice;
    if (!asked.insert(whole).second) continue;
    EvalItem item{.id = std::string(probe.name) + "-" + std::to_string(items.size()),
                  .capability = std::string(probe.name),
                  .document = pair.fact,
                  .prompt = prompt + "Question: " + pair.question + "\nAnswer:",
                  .answer = pair.answer,
                  .grader = &kFirstLine};
    if (!pair.choices.empty()) {
      item.grader = probe.grader ? probe.grader : &kChoiceLogprob;
      for (const std::string& choice : pair.choices) item.choices.push_back(" " + choice);
      item.correct_choice =
          int(std::ranges::find(pair.choices, pair.answer) - pair.choices.begin());
      item.answer = item.choices[std::size_t(item.correct_choice)];
    }
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<const Probe*> probes_named(std::string_view path) {
  if (!path.starts_with(kProbePath)) return {};
  const std::string_view name = path.substr(kProbePath.size());
  std::vector<const Probe*> found;
  std::string known = "all";
  for (const Probe& probe : kProbes) {
    if (name == "all" || name == probe.name) found.push_back(&probe);
    known += ", " + std::string(probe.name);
  }
  if (found.empty()) {
    throw std::runtime_error(std::string(path) +
                             ": found no probe of that name, allowed: " + known);
  }
  return found;
}

}  // namespace paretune
