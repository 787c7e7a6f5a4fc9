// How soon each search strategy finds the front of a space that others measured in full
// (measured_space.h), a convolution kernel on six GPUs, or that we did (replayed_space.h).
//
//   search_bench [--space FOLDER] [--seeds N] [--trials N] [--case NAME]... [--strategy NAME]...
//                [--regret]
//
// Per case and strategy: the hypervolume of what it would return after so many trials, as a share
// of the exact front's, and the trials it takes to 95 and 99 %: median over seeds [10 %, 90 %].
// What it returns is the front of the scores it was told; what that is worth is told by the true
// medians. --regret: how often the regret that the portfolio reports covers the true one.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "bench/measured_space.h"
#include "bench/replayed_space.h"
#include "bench/search_rivals.h"
#include "search/indicators.h"
#include "search/pareto.h"
#include "search/rng.h"

namespace {

using namespace paretune;

constexpr int kMarks[] = {15, 30, 60, 100};
constexpr std::uint64_t kNoise = 0x4015e, kFailure = 0xfa11;  // keys of draws

struct Case {
  const char* name;
  const char* summary;
  int n_repetitions;  // a trial tells the median of so many recorded ones
  bool prior, inverted;
  double failing;    // share of the points that fail when tried
  int budget = 100;  // trials
};

constexpr Case kCases[] = {
    {"plain", "no prior; a trial is the median of 3 recorded repetitions", 3, false, false, 0},
    {"prior", "another device's times as the prior", 3, true, false, 0},
    {"inverted", "one over another device's times as the prior", 3, true, true, 0},
    {"failures", "30 % of the points fail when tried", 3, false, false, 0.3},
    {"failures+prior", "the same, with the prior", 3, true, false, 0.3},
    {"noise", "a trial is one recorded repetition", 1, false, false, 0},
    {"noise+prior", "the same, with the prior", 1, true, false, 0},
};

std::uint64_t hash_of(const Point& point) { return PointHash{}(point); }

// What a trial tells: times, by a draw keyed by point and seed.
Scores told(const MeasuredSpace& measured, const Point& point, int n_repetitions,
            std::uint64_t seed) {
  Scores scores;
  Rng rng{kNoise, seed, hash_of(point)};
  for (const std::vector<double>& times : measured.times.at(point)) {
    std::vector<double> drawn;
    for (int i = 0; i < n_repetitions; ++i) drawn.push_back(times[rng.below(int(times.size()))]);
    std::ranges::sort(drawn);
    scores.push_back(drawn[drawn.size() / 2]);
  }
  return scores;
}

// Whole groups of neighbours fail, as a kernel that does not fit does.
std::vector<Point> failing_points(const MeasuredSpace& measured, double share) {
  std::vector<Point> failing;
  for (const auto& [point, scores] : measured.scores) {
    Point group = point;
    group[0] /= 4;
    if (Rng{kFailure, hash_of(group)}.uniform() < share) failing.push_back(point);
  }
  return failing;
}

std::function<std::optional<Scores>(const Point&)> prior_of(const MeasuredSpace& measured,
                                                            bool inverted) {
  return [&measured, inverted](const Point& point) -> std::optional<Scores> {
    const auto row = measured.prior.find(point);
    if (row == measured.prior.end()) return std::nullopt;
    Scores scores = row->second;
    for (double& time : scores) time = inverted ? 1 / time : time;
    return scores;
  };
}

// The trials of one run, and the worth of what it would return after each.
class Run {
 public:
  Run(const MeasuredSpace& measured, const Case& c, std::uint64_t seed)
      : measured_(measured), case_(c), seed_(seed) {}

  std::optional<Scores> trial(const Point& point) {
    std::optional<Scores> scores;
    if (const auto row = measured_.scores.find(point); row != measured_.scores.end()) {
      scores = told(measured_, point, case_.n_repetitions, seed_);
      told_.push_back(*scores);
      true_.push_back(row->second);
    }
    shares_.push_back(hypervolume(returned(), measured_.reference) /
                      hypervolume(measured_.front, measured_.reference));
    return scores;
  }

  // True scores of the front of what was told.
  std::vector<Scores> returned() const {
    std::vector<Scores> scores;
    for (std::size_t i : pareto_front(told_)) scores.push_back(true_[i]);
    return scores;
  }

  double share_after(int n_trials) const {
    return shares_.empty() ? 0 : shares_[std::min(std::size_t(n_trials), shares_.size()) - 1];
  }
  double trials_to(double share) const {  // infinite: never
    const auto first = std::ranges::find_if(shares_, [&](double s) { return s >= share; });
    return first == shares_.end() ? INFINITY : double(first - shares_.begin() + 1);
  }
  int n_trials() const { return int(shares_.size()); }

 private:
  const MeasuredSpace& measured_;
  const Case& case_;
  std::uint64_t seed_;
  std::vector<Scores> told_, true_;  // of the feasible trials
  std::vector<double> shares_;
};

// Of this thread: the machine may be shared.
double cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * double(now.tv_sec) + 1e-6 * double(now.tv_nsec);
}

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[std::size_t(std::lround(q * double(values.size() - 1)))];
}

std::string trials_text(double n, int budget) {
  return std::isfinite(n) ? std::to_string(int(n)) : ">" + std::to_string(budget);
}

void print_row(const std::string& name, const Case& c, const std::vector<Run>& runs, double ms) {
  std::printf("| %-12s |", name.c_str());
  for (int mark : kMarks) {
    if (mark > c.budget) continue;
    std::vector<double> shares;
    for (const Run& run : runs) shares.push_back(run.share_after(mark));
    std::printf(" %.3f [%.3f %.3f] |", quantile(shares, 0.5), quantile(shares, 0.1),
                quantile(shares, 0.9));
  }
  for (double share : {0.95, 0.99}) {
    std::vector<double> trials;
    for (const Run& run : runs) trials.push_back(run.trials_to(share));
    std::printf(" %s [%s %s] |", trials_text(quantile(trials, 0.5), c.budget).c_str(),
                trials_text(quantile(trials, 0.1), c.budget).c_str(),
                trials_text(quantile(trials, 0.9), c.budget).c_str());
  }
  std::isfinite(ms) ? std::printf(" %.1f |\n", ms) : std::printf(" |\n");
  std::fflush(stdout);
}

void replay(const MeasuredSpace& measured, const Case& c, const StrategyRow& row, int n_seeds) {
  std::vector<Run> runs;
  double ms = 0;
  int n_trials = 0;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    SearchSetup setup{.n_objectives = int(measured.reference.size()), .seed = std::uint64_t(seed)};
    if (c.prior) setup.prior = prior_of(measured, c.inverted);
    Run& run = runs.emplace_back(measured, c, setup.seed);
    const auto strategy = row.make(measured.space, setup);
    while (run.n_trials() < c.budget) {
      const double start = cpu_ms();
      const std::vector<Point> asked = strategy->ask(1);
      ms += cpu_ms() - start;
      if (asked.empty()) break;
      strategy->tell(asked[0], run.trial(asked[0]));
    }
    n_trials += run.n_trials();
  }
  print_row(std::string(row.name), c, runs, ms / n_trials);
}

void replay(const MeasuredSpace& measured, const Case& c, const Rival& rival, int n_seeds) {
  std::vector<Run> runs;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    Run& run = runs.emplace_back(measured, c, std::uint64_t(seed));
    rival.run(measured.space, int(measured.reference.size()), std::uint64_t(seed), c.budget,
              [&](const Point& point) { return run.trial(point); });
  }
  print_row(rival.name, c, runs, NAN);
}

// How often the true regret is at most the reported one.
void check_regret(const MeasuredSpace& measured, const Case& c, int n_seeds) {
  constexpr int kEvery = 10;
  struct Report {
    double reported, real;
  };
  std::map<int, std::vector<Report>> reports;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    SearchSetup setup{.n_objectives = int(measured.reference.size()), .seed = std::uint64_t(seed)};
    if (c.prior) setup.prior = prior_of(measured, c.inverted);
    Run run(measured, c, setup.seed);
    const auto strategy = find_strategy("portfolio").make(measured.space, setup);
    while (run.n_trials() < c.budget) {
      const std::vector<Point> asked = strategy->ask(1);
      if (asked.empty()) break;
      strategy->tell(asked[0], run.trial(asked[0]));
      if (run.n_trials() % kEvery != 0) continue;
      const std::optional<Regret> regret = strategy->regret();
      if (!regret) continue;
      Scores reference;
      for (double time : regret->reference) reference.push_back(std::log(time));
      std::vector<Scores> all;
      for (const auto& [point, scores] : measured.scores) all.push_back(scores);
      const double real = 1 - hypervolume(run.returned(), reference) / hypervolume(all, reference);
      reports[run.n_trials()].push_back({regret->share, real});
    }
  }
  std::printf(
      "| trials | runs | true <= reported | reported: median [10 %% 90 %%] | true: median "
      "[10 %% 90 %%] | factor that covers 90 %% |\n|---|---|---|---|---|---|\n");
  int n_all = 0, n_covered = 0;
  std::vector<double> all_factors;
  for (const auto& [n_trials, of_mark] : reports) {
    int covered = 0;
    std::vector<double> reported, real, factors;
    for (const Report& report : of_mark) {
      covered += report.real <= report.reported;
      reported.push_back(report.reported);
      real.push_back(report.real);
      const auto odds = [](double share) { return share / std::max(1 - share, 1e-9); };
      factors.push_back(odds(report.real) / std::max(odds(report.reported), 1e-6));
    }
    all_factors.insert(all_factors.end(), factors.begin(), factors.end());
    n_all += int(of_mark.size());
    n_covered += covered;
    std::printf("| %d | %zu | %.0f %% | %.3f [%.3f %.3f] | %.3f [%.3f %.3f] | %.2f |\n", n_trials,
                of_mark.size(), 100.0 * covered / double(of_mark.size()), quantile(reported, 0.5),
                quantile(reported, 0.1), quantile(reported, 0.9), quantile(real, 0.5),
                quantile(real, 0.1), quantile(real, 0.9), quantile(factors, 0.9));
  }
  std::printf("\ncovered: %d of %d, %.1f %%; the odds times %.2f cover 90 %%\n", n_covered, n_all,
              100.0 * n_covered / n_all, quantile(all_factors, 0.9));
  std::fflush(stdout);
}

// With their titles: the demo's where the folder holds it, else two of others' devices.
std::vector<std::pair<std::string, MeasuredSpace>> spaces_of(const std::string& folder) {
  std::vector<std::pair<std::string, MeasuredSpace>> spaces;
  if (std::filesystem::exists(folder + "/speed.csv")) {
    spaces.emplace_back("Objectives cost, TPOT, KL of the demo; prior: the cost model",
                        read_replayed_space(folder));
    return spaces;
  }
  using Names = std::vector<std::string>;
  for (const auto& [objectives, priors] :
       {std::pair(Names{"A100", "MI250X", "W6600"}, Names{"A6000", "W7800", "W7800"}),
        std::pair(Names{"A4000", "A6000", "W7800"}, Names{"A100", "A100", "W6600"})}) {
    std::string title = "Objectives";
    for (const std::string& name : objectives) title += ' ' + name;
    title += "; priors";
    for (const std::string& name : priors) title += ' ' + name;
    spaces.emplace_back(title, read_measured_space(folder, objectives, priors));
  }
  return spaces;
}

}  // namespace

int main(int argc, char** argv) try {
  std::string folder = "../shared/search-spaces/convolution";
  int n_seeds = 20, budget = 0;
  bool regret = false;
  std::vector<std::string> cases, strategies;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--regret") {
      regret = true;
      continue;
    }
    if (++i == argc) throw std::runtime_error(flag + ": a value is missing");
    const std::string value = argv[i];
    if (flag == "--space") {
      folder = value;
    } else if (flag == "--seeds") {
      n_seeds = std::stoi(value);
    } else if (flag == "--trials") {
      budget = std::stoi(value);
    } else if (flag == "--case") {
      cases.push_back(value);
    } else if (flag == "--strategy") {
      strategies.push_back(value);
    } else {
      throw std::runtime_error(
          flag +
          ": unknown; known are --space, --seeds, --trials, --case, --strategy, "
          "--regret");
    }
  }
  if (!std::filesystem::exists(folder)) {
    std::printf("skipped: %s is not here\n", folder.c_str());
    return 0;
  }
  std::vector<std::string> missing;
  const std::vector<Rival> rivals = find_rivals(missing);
  for (const std::string& line : missing) std::printf("%s\n", line.c_str());
  const auto wanted = [](const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || std::ranges::find(names, name) != names.end();
  };
  for (const auto& [title, measured] : spaces_of(folder)) {
    const std::size_t n = measured.scores.size();
    for (Case c : kCases) {
      if (!wanted(cases, c.name)) continue;
      if (budget > 0) c.budget = budget;
      MeasuredSpace used = measured;
      if (c.failing > 0) fail(used, failing_points(used, c.failing));
      std::printf(
          "\n%s: %s. %s; %zu configurations, %zu of them succeed, front of %zu; %d seeds.\n\n",
          c.name, c.summary, title.c_str(), n, used.scores.size(), used.front.size(), n_seeds);
      if (regret) {
        check_regret(used, c, n_seeds);
        continue;
      }
      std::printf("| strategy |");
      std::string rule = "|---|---|---|---|";
      for (int mark : kMarks) {
        if (mark > c.budget) continue;
        std::printf(" @%d |", mark);
        rule += "---|";
      }
      std::printf(" to 95 %% | to 99 %% | CPU ms/ask |\n%s\n", rule.c_str());
      for (const StrategyRow& row : kStrategies) {
        // What takes no prior does as it does without.
        if (c.prior && row.name != "portfolio") continue;
        if (wanted(strategies, row.name)) replay(used, c, row, n_seeds);
      }
      for (const Rival& rival : rivals) {
        if (!c.prior && wanted(strategies, rival.name)) replay(used, c, rival, n_seeds);
      }
    }
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "search_bench: %s\n", error.what());
  return 1;
}
