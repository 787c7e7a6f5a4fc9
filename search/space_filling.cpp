// The two strategies that do not learn: what every other one must beat, and where they start.
#include "search/sequential.h"

namespace paretune {
namespace {

class Random final : public SequentialStrategy {
 public:
  Random(const Space& space, const SearchSetup& setup) : SequentialStrategy(space, setup) {}

 private:
  std::optional<Point> next() override { return fresh_random(); }
};

class Sobol final : public SequentialStrategy {
 public:
  Sobol(const Space& space, const SearchSetup& setup) : SequentialStrategy(space, setup) {}

 private:
  std::optional<Point> next() override { return fresh_sobol(); }
};

}  // namespace

std::unique_ptr<Strategy> make_random(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Random>(space, setup);
}

std::unique_ptr<Strategy> make_sobol(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Sobol>(space, setup);
}

}  // namespace paretune
