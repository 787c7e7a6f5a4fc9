#include "profiles/quality_plan.h"

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>

#include "profiles/digest.h"
#include "profiles/quality_gate.h"
#include "runtime/chat/encode_chat.h"
#include "runtime/compression/calibration_texts.h"
#include "workloads/evals.h"
#include "workloads/probes.h"
#include "workloads/random.h"
#include "workloads/text.h"
#include "workloads/workload.h"

namespace paretune {
namespace {

constexpr std::size_t kMaxTokenBytes =
    64;  // on average: no text that matters to a budget has longer tokens

class Planner {
 public:
  Planner(const Workload& workload, const ModelShape& shape, const Tokenizer& tokenizer,
          const ChatTemplate* chat, const QualityBudget& budget)
      : workload_(workload),
        shape_(shape),
        tokenizer_(tokenizer),
        chat_(chat),
        budget_(budget),
        evals_(workload.quality.evals),
        trains_on_evals_(calibrates_on_evals(workload.quality)) {
    budget_.text_tokens = workload.quality.max_text_tokens.value_or(budget.text_tokens);
    budget_.questions = workload.quality.max_questions.value_or(budget.questions);
    if (evals_.empty()) {
      evals_.push_back({.path = std::string(kProbePath) + "all", .name = "probes"});
    }
  }

  QualityPlan plan() {
    QualityPlan plan;
    plan_documents(plan);
    plan_questions(plan);
    if (plan.documents.empty())
      throw std::runtime_error(workload_.file.string() +
                               ": $.quality: found neither text nor answers of two tokens or "
                               "more, allowed: `text` or `evals` on which quality can be measured");
    return plan;
  }

  // The fresh questions of every capability, in an order of the seed's.
  std::map<std::string, std::vector<QualityQuestion>> gate(const QualityPlan& used) const {
    std::set<std::string> prompts;
    for (const QualityQuestion& question : used.questions) prompts.insert(question.item.prompt);
    std::map<std::string, std::vector<QualityQuestion>> fresh;
    for (auto& [name, candidates] : candidates_of(false)) {
      const bool demanded = workload_.quality.floors.capabilities.contains(name);
      if (!demanded && std::ranges::find(used.unaskable, name) != used.unaskable.end()) continue;
      std::vector<QualityQuestion>& questions = fresh[name];
      for (Candidate& candidate : candidates) {
        if (prompts.contains(candidate.item.prompt)) continue;
        if (static_cast<int>(questions.size()) == kMostGateQuestions) break;
        if (auto question = encode(candidate.item, candidate.as_chat))
          questions.push_back(std::move(*question));
      }
    }
    return fresh;
  }

  std::vector<std::vector<int>> calibration() const {
    std::vector<std::vector<int>> documents;
    const auto add = [&](std::span<const Document> more, bool as_chat) {
      for (const Document& document : more) documents.push_back(encode(document, as_chat));
    };
    for (const TextSpec& text : workload_.quality.calibration) {
      if (text.path != kTrainingSplit) {
        add(load_text(text.file), true);
        continue;
      }
      for (EvalSpec spec : workload_.quality.evals) {
        spec.max_items.reset();
        std::vector<Document> split;
        for (EvalItem& item : load_evals(spec, workload_.seed)) {
          if (!in_training_split(item.prompt)) continue;
          const bool chosen = item.answer.empty() && item.correct_choice >= 0;
          split.push_back({std::move(item.prompt),
                           chosen ? item.choices[std::size_t(item.correct_choice)] : item.answer});
        }
        add(split, spec.chat_template);
      }
    }
    RandomEngine rng(workload_.seed);
    for (std::size_t i = documents.size(); i > 1; --i)
      std::swap(documents[i - 1], documents[std::size_t(uniform01(rng) * double(i))]);
    return calibration_windows(documents, shape_.max_seq_len);
  }

 private:
  // Whether no config may be measured on the question: compression has seen it.
  bool kept_for_training(std::string_view prompt) const {
    return trains_on_evals_ && in_training_split(prompt);
  }

  std::vector<int> encode_turns(std::initializer_list<ChatMessage> turns, bool prompt) const {
    return encode_chat(*chat_, tokenizer_, std::vector<ChatMessage>(turns),
                       ChatOptions{.add_generation_prompt = prompt});
  }

  std::vector<int> encode(const Document& document, bool as_chat) const {
    const std::string text =
        document.text.substr(0, kMaxTokenBytes * std::size_t(budget_.text_tokens));
    if (document.prompt.empty()) return tokenizer_.encode_prompt(text);
    if (!as_chat || !chat_) return tokenizer_.encode_prompt(document.prompt + text);
    return encode_turns(
        {{.role = "user", .content = document.prompt}, {.role = "assistant", .content = text}},
        false);
  }

  // The workload's text, else its questions with their right answers.
  std::vector<std::pair<Document, bool>> texts() const {
    std::vector<std::pair<Document, bool>> texts;
    if (!workload_.quality.text.empty()) {
      for (Document& document : load_text(workload_.quality, workload_.seed)) {
        if (!kept_for_training(document.prompt)) texts.emplace_back(std::move(document), true);
      }
      return texts;
    }
    for (EvalSpec spec : evals_) {
      spec.max_items.reset();
      for (EvalItem& item : load_evals(spec, workload_.seed)) {
        if (kept_for_training(item.prompt)) continue;
        texts.emplace_back(
            Document{std::move(item.prompt), std::move(item.answer), std::move(item.document)},
            spec.chat_template);
      }
    }
    RandomEngine rng(workload_.seed);
    for (std::size_t i = texts.size(); i > 1; --i)
      std::swap(texts[i - 1], texts[std::size_t(uniform01(rng) * double(i))]);
    return texts;
  }

  void plan_documents(QualityPlan& plan) const {
    const int window = std::clamp(budget_.text_tokens / 8, 32, shape_.max_seq_len);
    std::vector<QualityDocument> whole;
    std::vector<int> sources;
    std::map<std::string, int> named;
    for (int usable = 0; const auto& [document, as_chat] : texts()) {
      if (usable >= budget_.text_tokens) break;
      const int next = int(whole.size());
      sources.push_back(
          document.source.empty() ? next : named.try_emplace(document.source, next).first->second);
      whole.push_back(encode(document, as_chat));
      usable += std::min(int(whole.back().size()), window) - 1;
    }
    int left = budget_.text_tokens;
    for (std::size_t begin = 0; left > 0; begin += std::size_t(window)) {
      bool any = false;
      for (std::size_t i = 0; i < whole.size(); ++i) {
        const QualityDocument& tokens = whole[i];
        if (tokens.size() < begin + 2 || left <= 0) continue;
        QualityDocument part(
            tokens.begin() + std::ptrdiff_t(begin),
            tokens.begin() + std::ptrdiff_t(std::min(begin + std::size_t(window), tokens.size())));
        if (begin > 0 && tokenizer_.adds_bos()) part.insert(part.begin(), tokenizer_.bos_id());
        part.resize(std::min({part.size(), std::size_t(window), std::size_t(left) + 1}));
        left -= int(part.size()) - 1;
        plan.documents.push_back(std::move(part));
        plan.sources.push_back(sources[i]);
        any = true;
      }
      if (!any) break;
    }
  }

  QualityChoice continued(const std::vector<int>& prompt, const std::string& prompt_text,
                          const std::string& text, bool as_chat) const {
    QualityChoice choice{.tokens = prompt};
    if (as_chat) {
      const std::vector<int> continuation = tokenizer_.encode(text);
      choice.tokens.insert(choice.tokens.end(), continuation.begin(), continuation.end());
      choice.begin = int(prompt.size());
    } else {
      // Tokens may span the seam: what both encodings begin with is the context.
      choice.tokens = tokenizer_.encode_prompt(prompt_text + text);
      const auto seam =
          std::mismatch(choice.tokens.begin(), choice.tokens.end(), prompt.begin(), prompt.end());
      choice.begin = std::max(1, int(seam.first - choice.tokens.begin()));
    }
    return choice;
  }

  // nullopt: longer than the context.
  std::optional<QualityQuestion> encode(const EvalItem& item, bool as_chat) const {
    as_chat = as_chat && chat_;
    QualityQuestion question{.item = item};
    question.prompt = as_chat ? encode_turns({{.role = "user", .content = item.prompt}}, true)
                              : tokenizer_.encode_prompt(item.prompt);
    if (question.prompt.empty())
      throw std::runtime_error("item " + item.id + ": found an empty prompt");
    const int room = shape_.max_seq_len - int(question.prompt.size());
    if (item.grader->score) {
      // An exact match is hopeless once it is much longer than the answer, however that is cut into
      // tokens.
      const int answer = int(tokenizer_.encode(item.answer).size());
      question.max_tokens = item.grader == &kExactMatch || item.grader == &kFirstLine
                                ? 2 * answer + 8
                                : std::max(budget_.answer_tokens, answer + 1);
      question.max_tokens = std::min(question.max_tokens, room);
      if (question.max_tokens <= answer) return std::nullopt;
      if (item.grader == &kExactMatch || item.grader == &kFirstLine) {
        const bool apart = as_chat || item.prompt.empty() ||
                           std::isspace(static_cast<unsigned char>(item.prompt.back()));
        question.answer =
            continued(question.prompt, item.prompt, (apart ? "" : " ") + item.answer, as_chat);
      }
      return question;
    }
    for (const std::string& text : item.choices) {
      QualityChoice choice = continued(question.prompt, item.prompt, text, as_chat);
      if (int(choice.tokens.size()) > shape_.max_seq_len) return std::nullopt;
      question.choices.push_back(std::move(choice));
    }
    return question;
  }

  struct Candidate {
    EvalItem item;
    bool as_chat;
    std::uint64_t order;
  };

  // limited: to the max_items of each file
  std::map<std::string, std::deque<Candidate>> candidates_of(bool limited) const {
    std::map<std::string, std::deque<Candidate>> by_capability;
    for (EvalSpec spec : evals_) {
      if (!limited) spec.max_items.reset();
      for (EvalItem& item : load_evals(spec, workload_.seed)) {
        if (kept_for_training(item.prompt)) continue;
        std::deque<Candidate>& candidates = by_capability[item.capability];
        candidates.push_back(
            {std::move(item), spec.chat_template, derive_seed(workload_.seed, candidates.size())});
      }
    }
    for (auto& [name, candidates] : by_capability)
      std::ranges::stable_sort(candidates, {}, &Candidate::order);
    return by_capability;
  }

  // Whether the context holds any of them.
  bool askable(const std::deque<Candidate>& candidates) const {
    return std::ranges::any_of(candidates, [&](const Candidate& candidate) {
      return encode(candidate.item, candidate.as_chat).has_value();
    });
  }

  void plan_questions(QualityPlan& plan) const {
    std::map<std::string, std::deque<Candidate>> by_capability = candidates_of(true);
    std::map<std::string, std::vector<QualityQuestion>> chosen;
    for (const auto& [name, candidates] : by_capability)
      if (!askable(candidates)) plan.unaskable.push_back(name);
    int left = budget_.questions;
    while (left > 0 && !by_capability.empty())
      for (auto entry = by_capability.begin(); entry != by_capability.end();) {
        auto& [name, candidates] = *entry;
        bool found = false;
        while (left > 0 && !found && !candidates.empty()) {
          if (auto question = encode(candidates.front().item, candidates.front().as_chat)) {
            chosen[name].push_back(std::move(*question));
            found = true;
            --left;
          } else {
            ++plan.too_long;
          }
          candidates.pop_front();
        }
        entry = candidates.empty() ? by_capability.erase(entry) : std::next(entry);
      }
    for (auto& [name, questions] : chosen)
      std::move(questions.begin(), questions.end(), std::back_inserter(plan.questions));
  }

  const Workload& workload_;
  const ModelShape& shape_;
  const Tokenizer& tokenizer_;
  const ChatTemplate* chat_;
  QualityBudget budget_;
  std::vector<EvalSpec> evals_;  // the workload's; where it has none, the probes
  bool trains_on_evals_;
};

std::string bytes_of(const std::vector<int>& tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(int)};
}

}  // namespace

double rated_tokens(const QualityQuestion& question) {
  const auto length = [](const QualityChoice& choice) {
    return double(choice.tokens.size()) - choice.begin;
  };
  if (question.answer) return std::max(1.0, length(*question.answer));
  double tokens = 0;
  for (const QualityChoice& choice : question.choices) tokens += length(choice);
  return std::max(1.0, tokens / std::max(1.0, double(question.choices.size())));
}

std::size_t QualityPlan::predicted_tokens() const {
  std::size_t predicted = 0;
  for (const QualityDocument& document : documents) predicted += document.size() - 1;
  return predicted;
}

std::string QualityPlan::hash() const {
  std::string all = std::to_string(documents.size());
  for (const int source : sources) all += ' ' + std::to_string(source);
  for (const QualityDocument& document : documents) all += digest({bytes_of(document)});
  for (const QualityQuestion& question : questions) {
    const EvalItem& item = question.item;
    std::string choices;
    for (std::size_t i = 0; i < question.choices.size(); ++i)
      choices += digest({bytes_of(question.choices[i].tokens),
                         std::to_string(question.choices[i].begin), item.choices[i]});
    if (question.answer)
      choices +=
          digest({bytes_of(question.answer->tokens), std::to_string(question.answer->begin)});
    if (!item.document.empty()) choices += digest({"document", item.document});
    all += digest({item.capability, item.answer, item.command, std::to_string(item.correct_choice),
                   std::to_string(item.tolerance), item.grader->name, bytes_of(question.prompt),
                   std::to_string(question.max_tokens), choices});
  }
  return digest({all});
}

std::map<std::string, std::vector<QualityQuestion>> plan_gate(const Workload& workload,
                                                              const ModelShape& shape,
                                                              const Tokenizer& tokenizer,
                                                              const ChatTemplate* chat,
                                                              const QualityPlan& used) {
  return Planner(workload, shape, tokenizer, chat, {}).gate(used);
}

std::vector<std::vector<int>> plan_calibration(const Workload& workload, const ModelShape& shape,
                                               const Tokenizer& tokenizer,
                                               const ChatTemplate* chat) {
  return Planner(workload, shape, tokenizer, chat, {}).calibration();
}

QualityPlan plan_quality(const Workload& workload, const ModelShape& shape,
                         const Tokenizer& tokenizer, const ChatTemplate* chat,
                         const QualityBudget& budget) {
  return Planner(workload, shape, tokenizer, chat, budget).plan();
}

}  // namespace paretune
