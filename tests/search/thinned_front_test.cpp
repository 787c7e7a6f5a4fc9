#include "search/thinned_front.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace paretune {
namespace {

TEST(ReferenceOf, IsATenthBeyondTheWorst) {
  EXPECT_EQ(reference_of({{0, 10}, {4, 2}}), (Scores{4.4, 10.8}));
  EXPECT_EQ(reference_of({{1, 1}}), (Scores{1.1, 1.1}));  // one point can be extended
}

TEST(FrontAmong, IsThatOfSomeAlone) {
  const Front front = front_among({{0, 0}, {1, 3}, {2, 2}, {3, 3}}, {1, 2, 3});
  EXPECT_EQ(front.indices, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(front.scores, (std::vector<Scores>{{1, 3}, {2, 2}}));
}

TEST(ThinnedFront, DropsWhatIsDominatedAndTheMostCrowded) {
  const std::vector<Scores> scores{{0, 4}, {1.9, 2.1}, {2, 2}, {4, 0}, {3, 3}};
  EXPECT_EQ(thinned_front(scores, 10).size(), 4u);
  const std::vector<Scores> three = thinned_front(scores, 3);
  ASSERT_EQ(three.size(), 3u);
  for (const Scores& end : {Scores{0, 4}, Scores{4, 0}})
    EXPECT_NE(std::ranges::find(three, end), three.end());
}

}  // namespace
}  // namespace paretune
