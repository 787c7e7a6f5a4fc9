#include "profiles/quality_reference.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace paretune {
namespace {

namespace fs = std::filesystem;

class ReferenceFile : public testing::Test {
 protected:
  ReferenceFile()
      : file_(fs::temp_directory_path() / ("paretune_reference_" + std::to_string(getpid()))) {}
  ~ReferenceFile() override { fs::remove(file_); }

  std::string bytes() const {
    std::ifstream in(file_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(file_, std::ios::binary) << bytes; }

  fs::path file_;
};

const std::string kPlan(32, 'a');

QualityReference sample(int kept) {
  QualityReference r{.plan_hash = kPlan, .vocab_size = 4, .kept = kept};
  for (int i = 0; i < 3 * kept; ++i) {
    if (kept < 4) r.ids.push_back(i);
    r.logprobs.push_back(-0.1f * float(i));
  }
  r.target_logprobs = {-1, -2, -3};
  r.top1 = {1, 2, 3};
  r.scores = {1, 0.5};
  r.likelihoods = {0.25, 0.75, 0.125};
  r.likelihood_ends = {2, 3};
  r.answer_tokens = {7, 8, 9};
  r.answer_ends = {2, 3};
  r.noise_floor = {1e-9};
  return r;
}

TEST_F(ReferenceFile, ComesBack) {
  for (const int kept : {4, 2}) {
    save_reference(sample(kept), file_);
    EXPECT_EQ(load_reference(file_, kPlan), sample(kept));
  }
}

TEST_F(ReferenceFile, OfAnotherPlanOrMissingIsNone) {
  EXPECT_EQ(load_reference(file_, kPlan), std::nullopt);
  save_reference(sample(4), file_);
  EXPECT_EQ(load_reference(file_, std::string(32, 'b')), std::nullopt);
  EXPECT_EQ(load_reference(fs::temp_directory_path(), kPlan), std::nullopt);
}

TEST_F(ReferenceFile, DamageIsNoticedAtEveryByte) {
  save_reference(sample(2), file_);
  const std::string good = bytes();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = char(bad[i] ^ 0x40);
    write(bad);
    ASSERT_EQ(load_reference(file_, kPlan), std::nullopt) << "byte " << i;
    write(good.substr(0, i));
    ASSERT_EQ(load_reference(file_, kPlan), std::nullopt) << "cut at " << i;
  }
  write(good + "x");
  EXPECT_EQ(load_reference(file_, kPlan), std::nullopt);
  write(good);
  EXPECT_TRUE(load_reference(file_, kPlan));
}

TEST_F(ReferenceFile, FolderThatIsNotThereIsNamed) {
  EXPECT_THROW(save_reference(sample(4), file_ / "no" / "such"), std::runtime_error);
}

TEST(KeptContinuations, AllWhileTheyFit) {
  EXPECT_EQ(kept_continuations(100, 1000, 400'000), 1000);
  EXPECT_EQ(kept_continuations(100, 1000, 399'999), 499);  // with ids: 8 bytes each
  EXPECT_EQ(kept_continuations(4096, 128'000, std::size_t{256} << 20), 8192);
  EXPECT_EQ(kept_continuations(0, 1000, 0), 1000);
  EXPECT_EQ(kept_continuations(100, 1000, 0), 1);
}

}  // namespace
}  // namespace paretune
