#include "reports/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("paretune-reports-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string read(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

TEST(Reports, AreWrittenWholeAndLeaveNothingElse) {
  const Folder folder;
  const Study study = sample_study();
  const auto files = write_reports(study, folder.path() / "new" / "folder");
  ASSERT_EQ(files.size(), kReports.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(files[i].filename(), kReports[i].file_name);
    EXPECT_EQ(read(files[i]), kReports[i].write(study)) << kReports[i].name;
  }
  const auto entries = fs::directory_iterator(folder.path() / "new" / "folder");
  EXPECT_EQ(std::distance(fs::begin(entries), fs::end(entries)), std::ptrdiff_t(kReports.size()));
}

TEST(Reports, OfAStudyWithoutRecommendationRemoveAnOlderDeployment) {
  const Folder folder;
  write_reports(sample_study(), folder.path());
  ASSERT_TRUE(fs::exists(folder.path() / "deploy.json"));
  const auto files = write_reports(infeasible_study(), folder.path());
  EXPECT_EQ(files.size(), kReports.size() - 2);
  EXPECT_FALSE(fs::exists(folder.path() / "deploy.json"));
  EXPECT_FALSE(fs::exists(folder.path() / "calibration.json"));
}

TEST(Reports, NameTheFileThatCannotBeWritten) {
  const Folder folder;
  fs::create_directories(folder.path() / "report.html" / "in the way");
  try {
    write_reports(sample_study(), folder.path());
    FAIL() << "a folder was replaced by a file";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("report.html: cannot put the file in its place"),
              std::string::npos)
        << error.what();
  }
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    EXPECT_NE(entry.path().extension(), ".tmp") << "a temporary file stayed";
  }
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_THROW(write_reports(sample_study(), folder.path() / "file"), std::runtime_error);
}

TEST(Reports, AFullDiskIsAnError) {
  // /dev/full takes no byte. A link to it stands where the temporary file will be.
  const Folder folder;
  fs::create_directories(folder.path());
  fs::create_symlink("/dev/full",
                     folder.path() / (".front.json." + std::to_string(::getpid()) + ".tmp"));
  try {
    write_reports(sample_study(), folder.path());
    FAIL() << "nothing was written, yet nothing was said";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("No space left on device"), std::string::npos)
        << error.what();
  }
  EXPECT_FALSE(fs::exists(folder.path() / "front.json"));
}

TEST(Reports, AreTheSameForTheSameStudy) {
  for (const Report& report : kReports)
    EXPECT_EQ(report.write(sample_study()), report.write(sample_study()));
}

}  // namespace
}  // namespace paretune
