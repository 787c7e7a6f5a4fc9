#include "optimizer/study_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "optimizer/study_lock.h"
#include "tests/optimizer/kept_study.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class CountedClock : public Clock {
 public:
  double now() override { return seconds_; }
  void wait_until(double) override {}
  std::string utc() override {
    char text[40];
    std::snprintf(text, sizeof text, "2001-02-03T04:%02d:%02dZ", seconds_ / 60, seconds_ % 60);
    ++seconds_;
    return text;
  }

 private:
  int seconds_ = 0;
};

class Deaf : public TuneObserver {
 public:
  void phase(const std::string&) override {}
  void trial_begins(const Study&, const DeployConfig&) override {}
  void trial_ended(const Study&, const Trial&, bool) override { ++trials; }
  int trials = 0;
};

// As a study is before its first trial.
void forget_trials(Study& study) {
  study.trials.clear(), study.picks.clear(), study.gates.clear();
  study.verification = {};
}

class StudyStoreTest : public testing::Test {
 protected:
  StudyStoreTest()
      : folder_(fs::temp_directory_path() /
                ("paretune_studies_" +
                 std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + "_" +
                 std::to_string(getpid()))) {
    fs::create_directories(folder_);
    file_ = folder_ / "paretune.sqlite";
  }
  ~StudyStoreTest() override { fs::remove_all(folder_); }

  // As tune() tells of a study: its first n trials, one after the other.
  void run(const Study& whole, int n, bool ends, bool finished, Store& store) {
    StudyRecorder recorder(store, clock_, {.out = "/out"}, deaf_);
    Study study = whole;
    forget_trials(study);
    recorder.begin(study);
    for (int i = 0; i < n; ++i) {
      study.trials.push_back(whole.trials[static_cast<std::size_t>(i)]);
      conclude(study);
      recorder.trial_ended(study, study.trials.back(), false);
    }
    if (ends) recorder.end(study, finished);
  }

  fs::path folder_, file_;
  CountedClock clock_;
  Deaf deaf_;
};

TEST_F(StudyStoreTest, KeptAfterEveryTrialAndAtTheEnd) {
  const Study study = kept_study();
  Store store(file_);
  run(study, 0, false, false, store);
  EXPECT_EQ(find_study(store, "demo chat").study.trials.size(), 0u);
  EXPECT_EQ(newest_unfinished(store).study.id, study.id) << "killed before its first trial";
  run(study, 5, false, false, store);
  EXPECT_EQ(deaf_.trials, 5);
  EXPECT_EQ(find_study(store, "demo chat").study.trials.size(), 5u);
  EXPECT_FALSE(find_study(store, "demo-chat").finished);
  run(study, 12, true, true, store);
  const StudyRecord record = find_study(store, study.id.substr(0, 4));
  EXPECT_TRUE(record.finished);
  EXPECT_EQ(trial_texts(record.study), trial_texts(study));
  EXPECT_EQ(record.options.out, "/out");
  EXPECT_NE(refusal([&] { newest_unfinished(store); }).find("finished or being run"),
            std::string::npos);
}

TEST_F(StudyStoreTest, ARunThatEndsEarlyLosesNothingOfALongerOne) {
  const Study study = kept_study();
  Store store(file_);
  run(study, 6, true, true, store);
  const auto kept = [&] { return store.studies().at(0); };
  run(study, 3, false, false, store);  // killed
  EXPECT_EQ(kept().trials, 6);
  EXPECT_TRUE(kept().finished);
  run(study, 6, true, false, store);  // interrupted
  EXPECT_TRUE(kept().finished);
  run(study, 7, false, false, store);  // holds more
  EXPECT_EQ(kept().trials, 7);
  EXPECT_FALSE(kept().finished);
  run(study, 2, true, true, store);  // finished, with a smaller budget
  EXPECT_EQ(kept().trials, 2);
  EXPECT_TRUE(kept().finished);
}

TEST_F(StudyStoreTest, StudiesAreFoundByIdOrNewestOfAWorkload) {
  Store store(file_);
  EXPECT_NE(refusal([&] { find_study(store, "a"); }).find("holds no study"), std::string::npos);
  Study study = kept_study();
  for (const char* id : {"aa11", "aa22", "bb33"}) {
    study.id = id;
    run(study, 1, true, std::string(id) != "aa22", store);
  }
  EXPECT_EQ(find_study(store, "aa1").study.id, "aa11");
  EXPECT_EQ(find_study(store, "demo chat").study.id, "bb33");
  EXPECT_EQ(newest_unfinished(store).study.id, "aa22");
  EXPECT_EQ(refusal([&] { find_study(store, "aa"); }),
            "study \"aa\": several ids begin so: aa22 (demo chat), aa11 (demo chat)");
  EXPECT_EQ(refusal([&] { find_study(store, "x"); }),
            "study \"x\" is not in the store; allowed: the beginning of an id or a workload's "
            "name: bb33 (demo chat), aa22 (demo chat), aa11 (demo chat)");
}

// Killed at any moment while it keeps trials: what it said was kept can be read.
TEST_F(StudyStoreTest, KillLosesNoTrialThatWasKept) {
  const Study study = kept_study();
  for (int round = 0; round < 4; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      try {
        Store store(file_);
        StudyRecorder recorder(store, clock_, {}, deaf_);
        Study growing = study;
        growing.id = std::to_string(round);
        forget_trials(growing);
        recorder.begin(growing);
        for (int i = 0;; ++i) {
          Trial trial = study.trials[static_cast<std::size_t>(i) % study.trials.size()];
          trial.id = i;
          growing.trials.push_back(trial);
          recorder.trial_ended(growing, growing.trials.back(), false);
          if (write(ends[1], "x", 1) < 0) _exit(3);
        }
      } catch (...) {
        _exit(2);
      }
    }
    close(ends[1]);
    char c = 0;
    int told = 0;
    while (told < 2 + 3 * round && read(ends[0], &c, 1) == 1) ++told;
    kill(child, SIGKILL);
    while (read(ends[0], &c, 1) == 1) ++told;
    int status = 0;
    waitpid(child, &status, 0);
    close(ends[0]);
    EXPECT_TRUE(WIFSIGNALED(status));
    Store store(file_);
    const StudyRecord record = find_study(store, std::to_string(round));
    EXPECT_GE(static_cast<int>(record.study.trials.size()), told);
    EXPECT_FALSE(record.finished);
  }
}

// A limit on file size stands for a full disk.
TEST_F(StudyStoreTest, FullDiskIsToldAndKeepsTheTrialsBefore) {
  const Study study = kept_study();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{400'000, 400'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const std::string said = refusal([&] {
      Store store(file_);
      StudyRecorder recorder(store, clock_, {}, deaf_);
      Study growing = study;
      forget_trials(growing);
      for (int i = 0; i < 10'000; ++i) {
        Trial trial = study.trials[0];
        trial.id = i;
        growing.trials.push_back(trial);
        recorder.trial_ended(growing, growing.trials.back(), false);
      }
    });
    _exit(said.find("finished trials are kept") != said.npos ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  Store store(file_);
  EXPECT_GE(find_study(store, "demo chat").study.trials.size(), 3u);
}

}  // namespace
}  // namespace paretune
