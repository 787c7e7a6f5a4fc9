// Coordinate descent from many starts: simple, and hard to beat on rough spaces.
#include "search/descents.h"
#include "search/sequential.h"

namespace paretune {
namespace {

class Coordinate final : public SequentialStrategy {
 public:
  Coordinate(const Space& space, const SearchSetup& setup)
      : SequentialStrategy(space, setup), descents_(log(), setup.n_objectives, setup.seed) {}

 private:
  void learn(std::size_t) override { descents_.learn(); }

  std::optional<Point> next() override {
    const std::vector<Point> wanted = descents_.wanted();
    return wanted.empty() ? fresh_sobol() : wanted.front();
  }

  Descents descents_;
};

}  // namespace

std::unique_ptr<Strategy> make_coordinate(const Space& space, const SearchSetup& setup) {
  return std::make_unique<Coordinate>(space, setup);
}

}  // namespace paretune
