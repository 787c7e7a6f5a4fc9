// Every point of the space, in mixed-radix order: the exact front, where there is time for it.
#include "search/sequential.h"

namespace paretune {
namespace {

class Exhaustive final : public SequentialStrategy {
 public:
  Exhaustive(const Space& space, const SearchSetup& setup)
      : SequentialStrategy(space, setup),
        sweep_(space.n_choices, Point(space.n_choices.size(), 0)) {}

 private:
  std::optional<Point> next() override {
    return sweep_.find([&](const Point& point) { return fresh(point); });
  }

  Sweep sweep_;
};

}  // namespace

std::unique_ptr<Strategy> make_exhaustive(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Exhaustive>(space, setup);
}

}  // namespace paretune
