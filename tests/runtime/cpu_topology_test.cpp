#include "runtime/cpu_topology.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace paretune {
namespace {

namespace fs = std::filesystem;

// A pretended /sys.
class CpuTopologyTest : public testing::Test {
 protected:
  CpuTopologyTest()
      : root_(fs::temp_directory_path() / ("paretune-topology-" + std::to_string(getpid()))) {
    fs::remove_all(root_);
  }
  ~CpuTopologyTest() override { fs::remove_all(root_); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text << '\n';
  }
  void siblings(int cpu, const std::string& list) const {
    write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
          list);
  }
  fs::path root_;
};

TEST_F(CpuTopologyTest, OneThreadOfEveryCoreComesFirst) {
  // Two sockets of two cores of two threads, numbered as Linux does: siblings are 4 apart.
  for (int cpu = 0; cpu < 8; ++cpu)
    siblings(cpu, std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4));
  const std::vector<int> all{0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(by_core(all, root_), all);
  EXPECT_EQ(core_count(all, root_), 4);
  // Only some are ours: 5 is alone on its core, 6 shares 2's.
  const std::vector<int> some{2, 3, 5, 6};
  EXPECT_EQ(by_core(some, root_), (std::vector<int>{2, 3, 5, 6}));
  EXPECT_EQ(core_count(some, root_), 3);
}

TEST_F(CpuTopologyTest, NeighboursThatAreSiblings) {
  for (int cpu = 0; cpu < 4; ++cpu)  // as some clouds number them
    siblings(cpu, std::to_string(cpu / 2 * 2) + "-" + std::to_string(cpu / 2 * 2 + 1));
  const std::vector<int> all{0, 1, 2, 3};
  EXPECT_EQ(by_core(all, root_), (std::vector<int>{0, 2, 1, 3}));
  EXPECT_EQ(core_count(all, root_), 2);
}

TEST_F(CpuTopologyTest, WhereNothingIsToldEveryCpuIsACore) {
  const std::vector<int> all{0, 1, 7};
  EXPECT_EQ(by_core(all, root_), all);
  EXPECT_EQ(core_count(all, root_), 3);
  EXPECT_EQ(quota_cpus(8, root_), 8);
}

TEST_F(CpuTopologyTest, QuotasRoundUp) {
  write("sys/fs/cgroup/cpu.max", "150000 100000");
  EXPECT_EQ(quota_cpus(8, root_), 2);
  write("sys/fs/cgroup/cpu.max", "10000 100000");
  EXPECT_EQ(quota_cpus(8, root_), 1);
  write("sys/fs/cgroup/cpu.max", "max 100000");
  EXPECT_EQ(quota_cpus(8, root_), 8);
  write("sys/fs/cgroup/cpu.max", "9900000 100000");
  EXPECT_EQ(quota_cpus(8, root_), 8);
  fs::remove(root_ / "sys/fs/cgroup/cpu.max");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota_cpus(8, root_), 8);
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000");
  EXPECT_EQ(quota_cpus(8, root_), 3);
}

TEST(AffinityCpus, AreThoseOfThisProcess) {
  const std::vector<int> cpus = affinity_cpus();
  EXPECT_FALSE(cpus.empty());
  EXPECT_TRUE(std::is_sorted(cpus.begin(), cpus.end()));
}

}  // namespace
}  // namespace paretune
