#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "search/rng.h"
#include "tests/search/searches.h"

namespace paretune {
namespace {

// The median hypervolume of three seeds after a budget.
double portfolio_share(const Problem& problem, const SearchSetup& known, int budget,
                       const Scores& reference) {
  std::vector<double> volumes;
  for (std::uint64_t seed : {1, 2, 3}) {
    SearchSetup setup = known;
    setup.seed = seed;
    const auto strategy = find_strategy("portfolio").make(problem.space, setup);
    volumes.push_back(hypervolume(scores_of(run(*strategy, problem, budget)), reference));
  }
  std::ranges::sort(volumes);
  return volumes[1];
}

TEST(Portfolio, APriorPaysAndAWrongOneDoesNotRuin) {
  const Problem problem = zdt(1, 8, 11);
  const Scores reference{1.1, 1.1};
  const double best = hypervolume(front_of(problem, 1, 0), reference);
  const auto biased = [&](const Point& p) -> std::optional<Scores> {
    Scores scores = *problem.evaluate(p);
    scores[0] = 0.5 + 2 * scores[0];
    scores[1] = 1 + std::pow(scores[1], 0.7) + 0.1 * p[3];
    return scores;
  };
  const auto inverted = [&](const Point& p) -> std::optional<Scores> {
    Scores scores = *biased(p);
    for (double& score : scores) score = 1 / score;
    return scores;
  };
  const double with = portfolio_share(problem, {.n_objectives = 2, .prior = biased}, 30, reference),
               without = portfolio_share(problem, {.n_objectives = 2}, 30, reference),
               wrong =
                   portfolio_share(problem, {.n_objectives = 2, .prior = inverted}, 100, reference);
  EXPECT_GT(with, 0.5 * best);
  EXPECT_LT(without, with);
  EXPECT_GT(wrong, 0.6 * best);
}

// Where a whole objective is unknown, what is known of the others still leads.
TEST(Portfolio, BelievesThePartOfAPriorThatThereIs) {
  const Problem problem = zdt(1, 4, 8);
  const SearchSetup setup{.n_objectives = 2, .prior = [&](const Point& p) -> std::optional<Scores> {
                            return Scores{NAN, (*problem.evaluate(p))[1]};
                          }};
  const auto strategy = find_strategy("portfolio").make(problem.space, setup);
  // The only known one is lowest where all but the first are 0, and the first is as large as it
  // gets.
  EXPECT_EQ(strategy->ask(1), std::vector<Point>({{7, 0, 0, 0}}));
}

// A prior takes part in decisions: they must follow from the tells all the same.
TEST(Portfolio, ResumesWithAPrior) {
  const Problem problem = conditional();
  const SearchSetup setup{.n_objectives = 3,
                          .seed = 4,
                          .prior = [&](const Point& p) -> std::optional<Scores> {
                            if (p[1] == 2) return std::nullopt;
                            return Scores{1.0 + p[0], NAN, 2.0 - p[2]};
                          },
                          .seconds = [](const Point& p) { return 1.0 + p[3]; },
                          .exact = {false, false, true},
                          .alike = [](const Point& p) { return std::uint64_t(p[2]); }};
  const auto original = find_strategy("portfolio").make(problem.space, setup);
  const std::vector<Told> log = run(*original, problem, 40);
  for (std::size_t killed_after = 0; killed_after < log.size(); ++killed_after) {
    const auto resumed = find_strategy("portfolio").make(problem.space, setup);
    for (std::size_t i = 0; i < killed_after; ++i) resumed->tell(log[i].point, log[i].scores);
    resumed->regret();  // changes no decision
    ASSERT_EQ(resumed->ask(1), std::vector<Point>{log[killed_after].point});
  }
}

// Two halves of a space are alike but for the time that their trials take.
TEST(Portfolio, PrefersTheCheaperOfTwins) {
  Problem problem = zdt(1, 5, 11);
  problem.space.n_choices.push_back(2);
  problem.space.ordinal.push_back(false);
  problem.evaluate = [inner = zdt(1, 5, 11)](const Point& p) {
    return inner.evaluate(Point(p.begin(), p.end() - 1));
  };
  const auto strategy = find_strategy("portfolio")
                            .make(problem.space, {.n_objectives = 2, .seconds = [](const Point& p) {
                                                    return p.back() == 0 ? 1.0 : 20.0;
                                                  }});
  int cheap = 0;
  const std::vector<Told> log = run(*strategy, problem, 60);
  for (std::size_t i = 8; i < log.size(); ++i) cheap += log[i].point.back() == 0;
  EXPECT_GT(cheap, 30);  // half of 52 are to be expected by chance
}

// A loss that depends on the first two dimensions alone, in no order: one trial tells it of all
// points that share them, so that none is spent on those that lose much.
TEST(Portfolio, AsksOnceForWhatPointsShare) {
  const auto hashed = [](std::uint64_t a, std::uint64_t b) { return Rng{a, b}.uniform(); };
  Problem problem;
  problem.space.n_choices = {8, 8, 8, 8};
  problem.space.ordinal = {false, false, true, true};
  problem.evaluate = [&](const Point& p) -> std::optional<Scores> {
    const std::uint64_t key = std::uint64_t(8 * p[0] + p[1]);
    return Scores{p[2] + p[3] + 2 * hashed(1, key), 10 * hashed(2, key)};
  };
  const SearchSetup blind{.n_objectives = 2,
                          .prior = [](const Point& p) -> std::optional<Scores> {
                            return Scores{1.0 + p[2] + p[3], NAN};
                          },
                          .exact = {false, true}};
  SearchSetup told = blind;
  told.alike = [](const Point& p) { return std::uint64_t(8 * p[0] + p[1]); };
  const Scores reference{16, 10};
  const double without = portfolio_share(problem, blind, 20, reference),
               with = portfolio_share(problem, told, 20, reference);
  EXPECT_GT(with, without);
}

// A limit that one point in six meets, whatever its scores: the search soon
// asks mostly for what meets it.
TEST(Portfolio, LearnsWhereALimitIsMet) {
  const Problem plain = zdt(1, 5, 11);
  const auto meets = [](const Point& p) { return p[1] == 3 || p[1] == 8; };
  const auto vague =
      [&](const Point& p) -> std::optional<Judged> {  // of the limit it knows nothing
    return Scores{(*plain.evaluate(p))[0], 1.0 + p[1] + p[2]};
  };
  for (const std::uint64_t seed : {1, 2, 3}) {
    const auto strategy = find_strategy("portfolio")
                              .make(plain.space, {.n_objectives = 2, .seed = seed, .prior = vague});
    int met = 0;
    for (int trial = 0; trial < 60; ++trial) {
      const Point point = strategy->ask(1)[0];
      strategy->tell(point, Judged(*plain.evaluate(point), meets(point) ? 0 : 20));
      if (trial >= 30) met += meets(point);
    }
    EXPECT_GT(met, 10) << seed;  // of 30; by chance 5
  }
}

// While nothing meets the limits, the way to the nearest is what scores tell.
TEST(Portfolio, GoesTowardsALimitThatNothingMeets) {
  const Problem plain = zdt(1, 5, 11);
  const auto strategy = find_strategy("portfolio").make(plain.space, {.n_objectives = 2});
  int least = 1000;
  for (int trial = 0; trial < 60; ++trial) {
    const Point point = strategy->ask(1)[0];
    const int miss = 1 + (10 - point[1]) + (10 - point[2]) + (10 - point[3]);
    least = std::min(least, miss);
    strategy->tell(point, Judged(*plain.evaluate(point), 20 + miss));
  }
  EXPECT_LE(least, 3);  // of 1 to 31
}

TEST(Portfolio, RegretFallsAndEndsAtNothing) {
  const Problem problem = conditional();
  const auto vague = [](const Point& p) -> std::optional<Scores> {
    return Scores{1.0 + p[0], NAN, 2.0};
  };
  const auto strategy =
      find_strategy("portfolio").make(problem.space, {.n_objectives = 3, .prior = vague});
  EXPECT_FALSE(strategy->regret());
  run(*strategy, problem, 12);
  const std::optional<Regret> early = strategy->regret();
  ASSERT_TRUE(early);
  EXPECT_GT(early->share, 0);
  EXPECT_LE(early->share, 1);
  run(*strategy, problem, 1000);
  EXPECT_EQ(strategy->regret()->share, 0);  // every point was tried

  const auto blind = find_strategy("portfolio").make(problem.space, {.n_objectives = 3});
  run(*blind, problem, 30);
  EXPECT_FALSE(blind->regret());  // its models are too sure
}

}  // namespace
}  // namespace paretune
