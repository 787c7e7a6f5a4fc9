// A study that was kept and read again gives the same reports, byte for byte.
#include "tests/optimizer/kept_study.h"

#include <gtest/gtest.h>

#include "reports/report.h"

namespace paretune {
namespace {

TEST(KeptStudy, GivesTheSameReports) {
  for (const auto& [name, study] : kept_studies()) {
    const Study back = parse_study(study_json(study, {}), trial_texts(study), "store").study;
    for (const Report& report : kReports)
      EXPECT_EQ(report.write(back), report.write(study)) << name << ": " << report.name;
  }
}

}  // namespace
}  // namespace paretune
