// What every row of the catalog promises.
#include "search/strategy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <stdexcept>

#include "search/indicators.h"
#include "search/pareto.h"
#include "search/rng.h"
#include "tests/search/searches.h"

namespace paretune {

void PrintTo(const StrategyRow& row, std::ostream* out) {
  *out << row.name;
}  // GoogleTest looks for it by name

namespace {

class EveryStrategy : public testing::TestWithParam<StrategyRow> {};

TEST_P(EveryStrategy, TriesEveryPointOnceAndEnds) {
  const Problem problem = conditional();
  const std::set<Point> expected = all_points(problem.space);
  for (std::uint64_t seed : {1, 2, 3}) {
    const auto strategy =
        GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = seed});
    const std::vector<Point> points = points_of(run(*strategy, problem, 1000));
    EXPECT_EQ(points.size(), expected.size()) << "a point twice, or one missed";
    EXPECT_EQ(std::set<Point>(points.begin(), points.end()), expected);
    EXPECT_TRUE(strategy->ask(1).empty());
  }
}

TEST_P(EveryStrategy, SameSeedSameTrialsAnotherSeedOthers) {
  const Problem problem = conditional();
  const auto trials = [&](std::uint64_t seed) {
    return points_of(
        run(*GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = seed}),
            problem, 60));
  };
  EXPECT_EQ(trials(5), trials(5));
  if (GetParam().name == "exhaustive") return;  // draws nothing
  EXPECT_NE(trials(5), trials(6));
}

// A study killed after any trial goes on as if nothing had happened, the default config's trial
// included.
TEST_P(EveryStrategy, ResumesFromItsTells) {
  for (const Problem& problem : {conditional(), zdt(3, 6, 9)}) {
    const Point start(problem.space.n_choices.size(), 1);
    const auto original =
        GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = 9});
    original->tell(start, problem.evaluate(start));
    const std::vector<Told> log = run(*original, problem, 70);
    ASSERT_EQ(log.size(), 70u);
    for (std::size_t killed_after = 0; killed_after < log.size(); ++killed_after) {
      const auto resumed =
          GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = 9});
      resumed->tell(start, problem.evaluate(start));
      for (std::size_t i = 0; i < killed_after; ++i) resumed->tell(log[i].point, log[i].scores);
      ASSERT_EQ(resumed->ask(1), std::vector<Point>{log[killed_after].point})
          << "after " << killed_after;
    }
  }
}

// Four workers whose trials end in a shuffled order.
TEST_P(EveryStrategy, KeepsAsynchronousAsksApart) {
  const Problem problem = conditional();
  const auto strategy =
      GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = 11});
  Rng rng{12};
  std::set<Point> seen;
  std::vector<Point> pending;
  for (;;) {
    for (const Point& point : strategy->ask(4 - int(pending.size()))) {
      EXPECT_TRUE(seen.insert(point).second);
      EXPECT_EQ(canonical_of(problem.space, point), point);
      pending.push_back(point);
    }
    if (pending.empty()) break;
    std::swap(pending[std::size_t(rng.below(int(pending.size())))], pending.back());
    strategy->tell(pending.back(), problem.evaluate(pending.back()));
    pending.pop_back();
  }
  EXPECT_EQ(seen, all_points(problem.space));
}

TEST_P(EveryStrategy, NeverAsksWhatItWasTold) {
  const Problem problem = conditional();
  const auto strategy =
      GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = 13});
  const Point told{1, 2, 0, 3, 1}, spelled_otherwise{2, 1, 1, 0, 1}, canonical{2, 1, 1, 0, 0};
  strategy->tell(told, problem.evaluate(told));
  strategy->tell(spelled_otherwise, problem.evaluate(canonical));
  const std::vector<Point> points = points_of(run(*strategy, problem, 1000));
  EXPECT_EQ(std::ranges::count(points, told), 0);
  EXPECT_EQ(std::ranges::count(points, canonical), 0);
  EXPECT_EQ(points.size() + 2, all_points(problem.space).size());
}

TEST_P(EveryStrategy, EndsWhereEverythingFails) {
  Problem problem = conditional();
  problem.evaluate = [](const Point&) { return std::nullopt; };
  const auto strategy =
      GetParam().make(problem.space, {.n_objectives = problem.n_objectives, .seed = 14});
  EXPECT_EQ(run(*strategy, problem, 1000).size(), all_points(problem.space).size());
}

TEST_P(EveryStrategy, EndsWhereNothingIsValid) {
  const Space space{.n_choices = {3, 4}, .canonical = [](const Point&) { return std::nullopt; }};
  EXPECT_TRUE(GetParam().make(space, {.n_objectives = 2, .seed = 1})->ask(5).empty());
}

TEST_P(EveryStrategy, OnePointOneObjective) {
  const auto strategy = GetParam().make(Space{.n_choices = {1}}, {.n_objectives = 1, .seed = 1});
  EXPECT_EQ(strategy->ask(3), std::vector<Point>{{0}});
  strategy->tell({0}, Scores{1.0});
  EXPECT_TRUE(strategy->ask(1).empty());
}

TEST_P(EveryStrategy, TakesScoresThatAreNotFiniteAsInfeasible) {
  const Problem problem = conditional();
  const auto finite = GetParam().make(problem.space, {.n_objectives = 3, .seed = 15}),
             infinite = GetParam().make(problem.space, {.n_objectives = 3, .seed = 15});
  for (int i = 0; i < 40; ++i) {
    const std::vector<Point> a = finite->ask(1);
    ASSERT_EQ(a, infinite->ask(1));
    const std::optional<Scores> scores = problem.evaluate(a[0]);
    finite->tell(a[0], scores);
    infinite->tell(a[0], scores.value_or(Scores{1, INFINITY, NAN}));
  }
}

TEST_P(EveryStrategy, StartsAtOnceInAVastSpace) {
  const Space space{.n_choices = std::vector<int>(60, 10)};  // 1e60 points
  const auto strategy = GetParam().make(space, {.n_objectives = 2, .seed = 1});
  EXPECT_EQ(strategy->ask(20).size(), 20u);
}

TEST_P(EveryStrategy, RefusesAMalformedSpace) {
  EXPECT_THROW(GetParam().make(Space{}, {.n_objectives = 1, .seed = 1}), std::runtime_error);
  EXPECT_THROW(GetParam().make(Space{.n_choices = {2, 0}}, {.n_objectives = 1, .seed = 1}),
               std::runtime_error);
  EXPECT_THROW(GetParam().make(Space{.n_choices = {2, 2}, .ordinal = {true}},
                               {.n_objectives = 1, .seed = 1}),
               std::runtime_error);
}

INSTANTIATE_TEST_SUITE_P(Catalog, EveryStrategy, testing::ValuesIn(kStrategies),
                         [](const auto& info) { return std::string(info.param.name); });

struct Known {
  const char* name;
  Problem problem;
  Scores reference;
  std::vector<Scores> front;  // of the grid
  double at_least;            // share of its hypervolume that NSGA-II reaches in 400 trials
  double random_at_most;      // and random trials do not
};

TEST(Nsga2, ReachesKnownFrontsFarFromRandom) {
  const Problem zdt1 = zdt(1, 8, 11), zdt2 = zdt(2, 8, 11), zdt3 = zdt(3, 8, 41),
                sphere = dtlz2(8, 11);
  const Known knowns[] = {
      {"ZDT1", zdt1, {1.1, 1.1}, front_of(zdt1, 1, 0), 0.9, 0.2},
      {"ZDT2", zdt2, {1.1, 1.1}, front_of(zdt2, 1, 0), 0.9, 0.1},
      {"ZDT3", zdt3, {1.1, 1.1}, front_of(zdt3, 1, 0), 0.65, 0.35},
      {"DTLZ2", sphere, {1.1, 1.1, 1.1}, front_of(sphere, 2, 5), 0.8, 0.5},
  };
  for (const Known& known : knowns) {
    const double best = hypervolume(known.front, known.reference);
    const double ours = median_hypervolume("nsga2", known.problem, 400, known.reference);
    const double random = median_hypervolume("random", known.problem, 400, known.reference);
    EXPECT_GE(ours / best, known.at_least) << known.name;
    EXPECT_LE(ours / best, 1 + 1e-12) << known.name << ": more than the front itself";
    EXPECT_LE(random / best, known.random_at_most) << known.name;
  }
}

TEST(Learning, PaysWithinAFewTrials) {
  const Problem problem = zdt(1, 8, 11);
  const double best = hypervolume(front_of(problem, 1, 0), {1.1, 1.1});
  const auto share = [&](std::string_view name, int budget = 150, std::uint64_t n_seeds = 9) {
    return median_hypervolume(name, problem, budget, {1.1, 1.1}, n_seeds) / best;
  };
  EXPECT_LT(share("random"), 0.1);
  EXPECT_GT(share("nsga2"), 0.35);
  EXPECT_GT(share("coordinate"), 0.8);
  EXPECT_GT(share("portfolio", 100, 3), 0.8);
}

TEST(Exhaustive, FindsTheExactFront) {
  const Problem problem = conditional();
  std::vector<Scores> all;
  for (const Point& point : all_points(problem.space)) {
    if (const auto scores = problem.evaluate(point)) all.push_back(*scores);
  }
  const auto strategy =
      find_strategy("exhaustive").make(problem.space, {.n_objectives = 3, .seed = 1});
  const std::vector<Scores> tried = scores_of(run(*strategy, problem, 1000));
  const auto front = [](const std::vector<Scores>& scores) {
    std::multiset<Scores> members;
    for (std::size_t i : pareto_front(scores)) members.insert(scores[i]);
    return members;
  };
  EXPECT_EQ(front(tried), front(all));
  EXPECT_GE(front(tried).size(), 5u);
}

TEST(Exhaustive, GoesInOrder) {
  const auto strategy =
      find_strategy("exhaustive").make(Space{.n_choices = {2, 3}}, {.n_objectives = 1, .seed = 1});
  strategy->tell({0, 1}, Scores{0.0});
  EXPECT_EQ(strategy->ask(3), (std::vector<Point>{{0, 0}, {0, 2}, {1, 0}}));
}

TEST(FindStrategy, NamesTheKnownOnes) {
  EXPECT_EQ(find_strategy("nsga2").name, "nsga2");
  try {
    find_strategy("annealing");
    FAIL();
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("annealing"), std::string::npos);
    for (const StrategyRow& row : kStrategies) EXPECT_NE(message.find(row.name), std::string::npos);
  }
}

}  // namespace
}  // namespace paretune
