#include "profiles/warm_up.h"

#include <gtest/gtest.h>

#include <vector>

#include "profiles/speed.h"
#include "runtime/engine/loaded_model.h"
#include "tests/profiles/manual_clock.h"

namespace paretune {
namespace {

// Half as much time passes between looks each time, down to a hundredth of a second.
class WakingClock : public ManualClock {
 public:
  explicit WakingClock(double slowest) : pause_(slowest) {}
  double now() override {
    const double seen = time;
    time += pause_;
    pause_ = std::max(pause_ / 2, 0.01);
    return seen;
  }

 private:
  double pause_;
};

class WarmUpTest : public testing::Test {
 protected:
  WarmUpTest()
      : config_(default_config({this_machine(), open_model("workloads/demo/demo.gguf")->shape()})),
        model_(load_model(open_model("workloads/demo/demo.gguf"), config_)),
        vocabulary_(ordinary_tokens(*model_.tokenizer)),
        engine_(model_.engine(config_)) {}
  DeployConfig config_;
  LoadedModel model_;
  std::vector<std::int32_t> vocabulary_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(WarmUpTest, EndsOnceTwoPassesTakeTheSame) {
  ManualClock steady(1e-3);
  const WarmUp warm = warm_up(*engine_, vocabulary_, steady);
  EXPECT_EQ(warm.passes, 2);
  EXPECT_TRUE(warm.stable);
  // Passes of .16, .08, .04, .02, .01 and .01 s.
  WakingClock waking(.16);
  EXPECT_EQ(warm_up(*engine_, vocabulary_, waking).passes, 6);
  EXPECT_TRUE(engine_->idle());
}

TEST_F(WarmUpTest, GivesUpWhereNothingSettles) {
  WakingClock waking(64);  // the second pass begins after two seconds
  const WarmUp warm = warm_up(*engine_, vocabulary_, waking);
  EXPECT_EQ(warm.passes, 1);
  EXPECT_FALSE(warm.stable);
}

// Nothing that it leaves behind changes what is measured next.
TEST_F(WarmUpTest, LeavesNothingInThePrefixCache) {
  ManualClock clock(1e-3);
  warm_up(*engine_, vocabulary_, clock);
  const EngineStats before = engine_->stats();
  warm_up(*engine_, vocabulary_, clock);  // the same prompts
  EXPECT_EQ(engine_->stats().prefix_cache_hits, before.prefix_cache_hits);
  EXPECT_EQ(engine_->stats().running, 0);
}

}  // namespace
}  // namespace paretune
