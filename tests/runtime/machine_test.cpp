#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime/target.h"

namespace paretune {
namespace {

TEST(MachineTest, SaysWhatThisProcessMayUse) {
  const Machine machine = this_machine();
  EXPECT_GE(machine.cores, 1);
  EXPECT_LE(machine.cores, sysconf(_SC_NPROCESSORS_CONF));
  EXPECT_GT(machine.memory_bytes, 64u << 20);
  EXPECT_EQ(machine.fingerprint.size(), 32u);
  EXPECT_EQ(this_machine().fingerprint, machine.fingerprint);
}

}  // namespace
}  // namespace paretune
