// How soon each search strategy finds the front of a space that others measured in full
// (measured_space.h), a convolution kernel on six GPUs, or that we did (replayed_space.h).
//
//   search_bench [--space FOLDER]... [--seeds N] [--trials N] [--case NAME]... [--strategy NAME]...
//                [--regret]
//
// Per case and strategy: the hypervolume of what it would return after so many trials, as a share
// of the exact front's, and the trials it takes to 95 and 99 %: median over seeds [10 %, 90 %].
// What that is worth is told by the true medians. The first table's strategies return the front of
// the scores that they were told. The second's return what `tune` does, the front with what ties
// with it (optimizer/intervals.h); beside it is the worth of all that was measured, which search
// alone decides, and what is missing of that is noise. The row "all points" measured every one.
// --regret: how often the regret that the portfolio reports covers the true one.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "bench/flags.h"
#include "bench/measured_space.h"
#include "bench/replayed_space.h"
#include "bench/search_rivals.h"
#include "bench/search_run.h"
#include "search/indicators.h"

namespace {

using namespace paretune;

constexpr int kMarks[] = {15, 30, 60, 100};

constexpr SearchCase kCases[] = {
    {"plain", "no prior; a trial is the median of 3 recorded repetitions", 3, false, false, 0},
    {"prior", "another device's times as the prior", 3, true, false, 0},
    {"inverted", "one over another device's times as the prior", 3, true, true, 0},
    {"failures", "30 % of the points fail when tried", 3, false, false, 0.3},
    {"failures+prior", "the same, with the prior", 3, true, false, 0.3},
    {"noise", "a trial is one recorded repetition", 1, false, false, 0},
    {"noise+prior", "the same, with the prior", 1, true, false, 0},
    {"drift+prior", "with the prior, on a machine that slows down by 40 % until the middle", 3,
     true, false, 0, 0.4, false},
    {"canary+prior", "the same, a canary beside each trial", 3, true, false, 0, 0.4, true},
    {.name = "tails+prior",
     .summary = "with the prior; of the repetitions 20 % are slowed down, some of them manifold",
     .n_repetitions = 3,
     .prior = true,
     .tails = 0.2},
    {.name = "limit",
     .summary = "the second objective has a limit that a fifth of the points meet",
     .n_repetitions = 3,
     .meets = 0.2},
    {.name = "limit+prior",
     .summary = "the same, with the prior",
     .n_repetitions = 3,
     .prior = true,
     .meets = 0.2},
    {.name = "infeasible+prior",
     .summary = "a limit at half of what the best point has; shares: how near the nearest is",
     .n_repetitions = 3,
     .prior = true,
     .meets = 0},
    {.name = "twins+prior",
     .summary = "with the prior; every point twice, told apart by a dimension that changes nothing",
     .n_repetitions = 3,
     .prior = true,
     .twins = true},
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

struct Row {
  std::string name;
  std::vector<SearchRun> runs;
  double ms = NAN;  // per ask
};

template <class Value>
void print_shares(const std::vector<SearchRun>& runs, Value&& value) {
  std::vector<double> shares;
  for (const SearchRun& run : runs) shares.push_back(value(run));
  std::printf(" %.3f [%.3f %.3f] |", quantile(shares, 0.5), quantile(shares, 0.1),
              quantile(shares, 0.9));
}

void print_trials_to(const Row& row, const SearchCase& c, double Worth::*of) {
  for (double share : {0.95, 0.99}) {
    std::vector<double> trials;
    for (const SearchRun& run : row.runs) trials.push_back(run.trials_to(share, of));
    std::printf(" %s [%s %s] |", trials_text(quantile(trials, 0.5), c.budget).c_str(),
                trials_text(quantile(trials, 0.1), c.budget).c_str(),
                trials_text(quantile(trials, 0.9), c.budget).c_str());
  }
}

void print_search(const Row& row, const SearchCase& c) {
  std::printf("| %-12s |", row.name.c_str());
  for (int mark : kMarks) {
    if (mark > c.budget) continue;
    print_shares(row.runs, [&](const SearchRun& run) { return run.worth_after(mark).front; });
  }
  print_trials_to(row, c, &Worth::front);
  std::isfinite(row.ms) ? std::printf(" %.1f |\n", row.ms) : std::printf(" |\n");
  std::fflush(stdout);
}

void print_answers(const Row& row) {
  double front = 0, with_ties = 0;
  for (const SearchRun& run : row.runs) {
    front += double(run.returned().size()) / double(row.runs.size());
    with_ties += double(run.returned_with_ties().size()) / double(row.runs.size());
  }
  std::printf("| %-12s |", row.name.c_str());
  print_shares(row.runs, [](const SearchRun& run) { return run.worth().front; });
  std::printf(" %.1f |", front);
  print_shares(row.runs, [](const SearchRun& run) { return run.worth().with_ties; });
  std::printf(" %.1f |", with_ties);
  print_shares(row.runs, [](const SearchRun& run) { return run.worth().measured; });
}

// What was returned at the end, and what was there to return.
void print_ties(const std::vector<Row>& rows, const MeasuredSpace& measured, const SearchCase& c,
                int n_seeds) {
  std::printf(
      "\n| strategy | front @%d | of | with ties @%d | of | all measured @%d | with ties to "
      "95 %% | to 99 %% |\n|---|---|---|---|---|---|---|---|\n",
      c.budget, c.budget, c.budget);
  for (const Row& row : rows) {
    print_answers(row);
    print_trials_to(row, c, &Worth::with_ties);
    std::printf("\n");
  }
  Row all{.name = "all points"};
  for (int seed = 1; seed <= n_seeds; ++seed) {
    SearchRun& run = all.runs.emplace_back(measured, c, std::uint64_t(seed));
    for (const auto& [point, scores] : measured.scores) run.measure(point);
  }
  print_answers(all);
  std::printf(" | |\n");
  std::fflush(stdout);
}

void print_twins(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    int tied = 0, pairs = 0;
    for (const SearchRun& run : row.runs) {
      const auto [of_run, all] = run.twins_tied();
      tied += of_run, pairs += all;
    }
    std::printf("\n%s: %d of %d pairs of twins with one on the front are called ties\n",
                row.name.c_str(), tied, pairs);
  }
}

Row replay(const MeasuredSpace& measured, const SearchCase& c, const StrategyRow& row,
           int n_seeds) {
  std::vector<SearchRun> runs;
  double ms = 0;
  int n_trials = 0;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    const SearchSetup setup = setup_of(measured, c, seed);
    SearchRun& run = runs.emplace_back(measured, c, setup.seed);
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
  return {std::string(row.name), std::move(runs), ms / n_trials};
}

Row replay(const MeasuredSpace& measured, const SearchCase& c, const Rival& rival, int n_seeds) {
  std::vector<SearchRun> runs;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    SearchRun& run = runs.emplace_back(measured, c, std::uint64_t(seed));
    rival.run(measured.space, int(measured.reference.size()), std::uint64_t(seed), c.budget,
              [&](const Point& point) -> std::optional<Scores> {
                const std::optional<Judged> judged = run.trial(point);
                return judged ? std::optional(judged->raised()) : std::nullopt;
              });
  }
  return {.name = rival.name, .runs = std::move(runs)};
}

// How often the true regret is at most the reported one.
void check_regret(const MeasuredSpace& measured, const SearchCase& c, int n_seeds) {
  constexpr int kEvery = 10;
  struct Report {
    double reported, real;
  };
  std::map<int, std::vector<Report>> reports;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    const SearchSetup setup = setup_of(measured, c, seed);
    SearchRun run(measured, c, setup.seed);
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
  std::vector<std::string> folders;
  int n_seeds = 20, budget = 0;
  bool regret = false;
  std::vector<std::string> cases, strategies;
  read_flags(argc, argv,
             {flag("--space", folders), flag("--seeds", n_seeds), flag("--trials", budget),
              flag("--case", cases), flag("--strategy", strategies), flag("--regret", regret)});
  if (folders.empty()) folders = {"bench/data/demo", "../shared/search-spaces/convolution"};
  std::vector<std::string> missing;
  const std::vector<Rival> rivals = find_rivals(missing);
  for (const std::string& line : missing) std::printf("%s\n", line.c_str());
  const auto wanted = [](const std::vector<std::string>& names, std::string_view name) {
    return names.empty() || std::ranges::find(names, name) != names.end();
  };
  std::vector<std::pair<std::string, MeasuredSpace>> spaces;
  for (const std::string& folder : folders) {
    if (!std::filesystem::exists(folder)) {
      std::printf("skipped: %s is not here\n", folder.c_str());
      continue;
    }
    for (auto& space : spaces_of(folder)) spaces.push_back(std::move(space));
  }
  for (const auto& [title, measured] : spaces) {
    const std::size_t n = measured.scores.size();
    for (SearchCase c : kCases) {
      if (!wanted(cases, c.name)) continue;
      if (budget > 0) c.budget = budget;
      MeasuredSpace used = measured;
      if (c.failing > 0) fail(used, failing_points(used, c.failing));
      if (c.meets) limit(used, *c.meets);
      if (c.twins) double_points(used);
      std::printf(
          "\n%s: %s. %s; %zu configurations, %zu of them succeed, front of %zu; %d seeds.\n\n",
          c.name, c.summary, title.c_str(), n, used.scores.size(), used.front.size(), n_seeds);
      if (regret) {
        if (c.prior) check_regret(used, c, n_seeds);  // without, none is reported
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
      std::vector<Row> rows;
      const auto add = [&](Row row) {
        print_search(row, c);
        rows.push_back(std::move(row));
      };
      for (const StrategyRow& row : kStrategies) {
        // What takes no prior does as it does without.
        if (c.prior && row.name != "portfolio") continue;
        if (wanted(strategies, row.name)) add(replay(used, c, row, n_seeds));
      }
      for (const Rival& rival : rivals) {
        if (!c.prior && wanted(strategies, rival.name)) add(replay(used, c, rival, n_seeds));
      }
      print_ties(rows, used, c, n_seeds);
      if (c.twins) print_twins(rows);
    }
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "search_bench: %s\n", error.what());
  return 1;
}
