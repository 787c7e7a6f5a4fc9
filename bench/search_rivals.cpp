#include "bench/search_rivals.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>

#ifdef PARETUNE_PAGMO
#include <pagmo/algorithm.hpp>
#include <pagmo/algorithms/nsga2.hpp>
#include <pagmo/population.hpp>
#include <pagmo/problem.hpp>
#endif

namespace paretune {
namespace {

constexpr int kRepeats = 2000;  // proposals in a row that bring nothing new end a run

struct Done {};  // thrown where the budget is used

// Remembers trials and counts the new ones.
class Counted {
 public:
  Counted(const Space& space, int budget, const Evaluate& trial)
      : space_(space), budget_(budget), trial_(trial) {}

  // Logarithms, as a user who knows that ratios matter would tell them.
  std::optional<Scores> operator()(const Point& proposal) {
    const std::optional<Point> point = canonical_of(space_, proposal);
    if (!point) return std::nullopt;
    const auto [entry, is_new] = known_.try_emplace(*point);
    if (!is_new) {
      if (++repeats_ > kRepeats) throw Done{};
      return entry->second;
    }
    if (int(known_.size()) > budget_) throw Done{};
    repeats_ = 0;
    entry->second = trial_(*point);
    if (entry->second) {
      for (double& score : *entry->second) score = std::log(score);
    }
    return entry->second;
  }

 private:
  const Space& space_;
  int budget_, repeats_ = 0;
  const Evaluate& trial_;
  std::map<Point, std::optional<Scores>> known_;
};

#ifdef PARETUNE_PAGMO

struct PagmoProblem {
  Counted* counted = nullptr;
  std::vector<int> n_choices;
  std::size_t n_objectives = 1;

  pagmo::vector_double fitness(const pagmo::vector_double& x) const {
    Point point;
    for (double choice : x) point.push_back(int(choice));
    constexpr double kFailed = 1e3;  // pagmo's NSGA-II takes no constraints
    return (*counted)(point).value_or(Scores(n_objectives, kFailed));
  }
  std::pair<pagmo::vector_double, pagmo::vector_double> get_bounds() const {
    pagmo::vector_double low, high;
    for (int n : n_choices) {
      low.push_back(0);
      high.push_back(n - 1);
    }
    return {low, high};
  }
  pagmo::vector_double::size_type get_nobj() const { return n_objectives; }
  pagmo::vector_double::size_type get_nix() const { return n_choices.size(); }
  pagmo::thread_safety get_thread_safety() const { return pagmo::thread_safety::none; }
};

void run_pagmo(const Space& space, int n_objectives, std::uint64_t seed, int budget,
               const Evaluate& trial) {
  constexpr int kPopulation = 12;  // as ours; a multiple of 4
  Counted counted(space, budget, trial);
  try {
    const pagmo::problem problem(
        PagmoProblem{&counted, space.n_choices, std::size_t(n_objectives)});
    pagmo::population population(problem, kPopulation, unsigned(seed));
    const pagmo::algorithm nsga2(
        pagmo::nsga2(1, 0.9, 10, 1.0 / double(space.n_choices.size()), 20, unsigned(seed)));
    for (;;) population = nsga2.evolve(population);
  } catch (const Done&) {
  }
}

#endif

// A child process and a pipe to it and back.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw std::runtime_error("socketpair fails");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], 0);
      dup2(ends[1], 1);
      std::vector<char*> arguments;
      for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(ends[1]);
    socket_ = fdopen(ends[0], "r+");
  }
  Child(const Child&) = delete;
  ~Child() {
    fclose(socket_);
    waitpid(pid_, nullptr, 0);
  }

  std::string read_line() {
    std::string line;
    for (int c; (c = fgetc(socket_)) != EOF && c != '\n';) line.push_back(char(c));
    return line;
  }
  void write_line(const std::string& line) {
    const std::string text = line + "\n";
    if (send(fileno(socket_), text.data(), text.size(), MSG_NOSIGNAL) != ssize_t(text.size()))
      throw std::runtime_error("a baseline's process went away");
  }

 private:
  pid_t pid_;
  FILE* socket_;
};

void run_optuna(const std::string& python, const std::string& sampler, const Space& space,
                int n_objectives, std::uint64_t seed, int budget, const Evaluate& trial) {
  std::vector<std::string> command{python, "bench/optuna_baseline.py", sampler,
                                   std::to_string(seed), std::to_string(n_objectives)};
  for (int n : space.n_choices) command.push_back(std::to_string(n));
  Child child(command);
  Counted counted(space, budget, trial);
  try {
    for (;;) {
      std::istringstream line(child.read_line());
      Point point;
      for (int choice; line >> choice;) point.push_back(choice);
      if (!contains(space, point)) throw std::runtime_error("optuna_baseline.py: no proposal");
      const std::optional<Scores> scores = counted(point);
      std::ostringstream answer;
      answer.precision(17);
      if (!scores) answer << "failed";
      for (double score : scores.value_or(Scores{})) answer << score << ' ';
      child.write_line(answer.str());
    }
  } catch (const Done&) {
  }
}

}  // namespace

std::vector<Rival> find_rivals(std::vector<std::string>& missing) {
  std::vector<Rival> rivals;
#ifdef PARETUNE_PAGMO
  rivals.push_back({"pagmo-nsga2", run_pagmo});
#else
  missing.push_back("pagmo-nsga2: skipped, built without libpagmo-dev");
#endif
  for (const std::string python : {"python3", "/usr/bin/python3"}) {
    if (std::system((python + " -c 'import optuna' >/dev/null 2>&1").c_str()) != 0) continue;
    for (const std::string sampler : {"tpe", "nsga2"}) {
      rivals.push_back(
          {"optuna-" + sampler, [=](const Space& space, int n_objectives, std::uint64_t seed,
                                    int budget, const Evaluate& trial) {
             run_optuna(python, sampler, space, n_objectives, seed, budget, trial);
           }});
    }
    return rivals;
  }
  missing.push_back("optuna-tpe, optuna-nsga2: skipped, no python3-optuna here");
  return rivals;
}

}  // namespace paretune
