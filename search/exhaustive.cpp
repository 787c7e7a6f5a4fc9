// Every point of the space, in mixed-radix order: the exact front, where there is time for it.
#include "search/sequential.h"

namespace paretune {
namespace {

class Exhaustive final : public SequentialStrategy {
 public:
  Exhaustive(const Space& space, int n_objectives, std::uint64_t seed)
      : SequentialStrategy(space, n_objectives, seed),
        sweep_(space.n_choices, Point(space.n_choices.size(), 0)) {}

 private:
  std::optional<Point> next() override {
    return sweep_.find([&](const Point& point) { return fresh(point); });
  }

  Sweep sweep_;
};

}  // namespace

std::unique_ptr<Strategy> make_exhaustive(const Space& space, int n_objectives,
                                          std::uint64_t seed) {
  return std::make_unique<Exhaustive>(space, n_objectives, seed);
}

}  // namespace paretune
