#include "profiles/store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "profiles/measurement_json.h"
#include "tests/profiles/sample_measurement.h"
#include "tests/refusal.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("paretune_store_" + std::string(test->name()) + "_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    file_ = folder_ / "paretune.sqlite";
  }
  ~StoreTest() override { fs::remove_all(folder_); }

  // What opening or using the store says; "" if nothing.
  std::string complaint(
      const std::function<void(Store&)>& use = [](Store&) {}, int busy_timeout_ms = 0) const {
    return refusal([&] {
      Store store(file_, busy_timeout_ms);
      use(store);
    });
  }

  void raw_sql(const char* sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  fs::path folder_, file_;
};

TrialKey sample_key() {
  return {.kind = "speed",
          .model = "m",
          .machine = "x",
          .config = "{}",
          .workload = "w",
          .build = "0.1",
          .seed = 7};
}

TEST_F(StoreTest, GivesBackWhatWasPut) {
  const Measurement m = sample_measurement();
  {
    Store store(file_);
    EXPECT_FALSE(store.find(sample_key()));
    store.put(sample_key(), m);
    store.put_blob("a", std::string("zero \0 byte", 11));
    store.put_blob("empty", "");
    store.put_blobs(std::vector<Store::Blob>{{"c", "1"}, {"d", "2"}, {"c", "3"}});
  }
  Store store(file_);
  ASSERT_TRUE(store.find(sample_key()));
  EXPECT_EQ(to_json(*store.find(sample_key())), to_json(m));
  EXPECT_EQ(store.find_blob("a"), std::string("zero \0 byte", 11));
  EXPECT_EQ(store.find_blob("empty"), "");
  EXPECT_EQ(store.find_blob("b"), std::nullopt);
  EXPECT_EQ(store.find_blob("c"), "3");
  EXPECT_EQ(store.find_blob("d"), "2");
}

TEST_F(StoreTest, StudyIsKeptWithItsTrials) {
  const StudyRow row{.id = "a1",
                     .workload = "chat",
                     .model = "/m.gguf",
                     .started_at = "2026-01-01",
                     .saved_at = "2026-01-02",
                     .trials = 2,
                     .json = "{}"};
  {
    Store store(file_);
    store.put_study(row, 0, std::vector<std::string>{"t0", "t1"});
    StudyRow other = row;
    other.id = "b2", other.saved_at = "2026-01-03", other.trials = 0;
    store.put_study(other, 0, {});
  }
  Store store(file_);
  ASSERT_EQ(store.studies().size(), 2u);
  EXPECT_EQ(store.studies()[0].id, "b2") << "the newest first";
  EXPECT_EQ(store.studies()[1].trials, 2);
  EXPECT_FALSE(store.find_study("a"));
  ASSERT_TRUE(store.find_study("a1"));
  EXPECT_EQ(store.find_study("a1")->row.json, "{}");
  EXPECT_EQ(store.find_study("a1")->row.workload, "chat");
  EXPECT_EQ(store.find_study("a1")->row.model, "/m.gguf");
  EXPECT_EQ(store.find_study("a1")->row.started_at, "2026-01-01");

  // One more trial; then as many as there were, but others; then fewer.
  StudyRow next = row;
  next.trials = 3, next.finished = true;
  store.put_study(next, 2, std::vector<std::string>{"t2"});
  EXPECT_EQ(store.find_study("a1")->trials, (std::vector<std::string>{"t0", "t1", "t2"}));
  EXPECT_TRUE(store.find_study("a1")->row.finished);
  store.put_study(row, 1, std::vector<std::string>{"u1"});
  EXPECT_EQ(store.find_study("a1")->trials, (std::vector<std::string>{"t0", "u1"}));
  EXPECT_FALSE(store.find_study("a1")->row.finished);
}

TEST_F(StoreTest, PutReplaces) {
  Store store(file_);
  store.put(sample_key(), Measurement{.outcome = Outcome::crashed});
  store.put(sample_key(), Measurement{.outcome = Outcome::ok});
  EXPECT_EQ(store.find(sample_key())->outcome, Outcome::ok);
  store.put_blob("k", "1");
  store.put_blob("k", "2");
  EXPECT_EQ(store.find_blob("k"), "2");
}

TEST(TrialKeyTest, EveryFieldCountsAndNoneRunIntoTheNext) {
  std::set<std::string> digests{sample_key().digest()};
  std::size_t keys = 1;
  for (std::string TrialKey::*field : {&TrialKey::kind, &TrialKey::model, &TrialKey::machine,
                                       &TrialKey::config, &TrialKey::workload, &TrialKey::build}) {
    TrialKey key = sample_key();
    key.*field += "1";
    digests.insert(key.digest()), ++keys;
  }
  TrialKey key = sample_key();
  key.seed = 8;
  digests.insert(key.digest()), ++keys;
  key = sample_key(), key.kind = "ab", key.model = "c";
  digests.insert(key.digest()), ++keys;
  key.kind = "a", key.model = "bc";
  digests.insert(key.digest()), ++keys;
  EXPECT_EQ(digests.size(), keys);
  EXPECT_EQ(sample_key().digest().size(), 32u);
  EXPECT_EQ(sample_key().digest(), sample_key().digest());
  EXPECT_NE(digest({"", "a"}), digest({"a", ""}));
}

// Two connections and two threads on one of them, from before the file is there.
TEST_F(StoreTest, ManyWriteAtOnce) {
  constexpr int kEach = 25;
  std::vector<std::string> complaints(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      try {
        Store store(file_);
        std::thread sharing([&] {
          for (int i = 0; i < kEach; ++i)
            store.put_blob("shared" + std::to_string(t) + "." + std::to_string(i), "x");
        });
        for (int i = 0; i < kEach; ++i)
          store.put_study({.id = std::to_string(t) + "." + std::to_string(i % 5), .trials = 1}, 0,
                          std::vector<std::string>{std::to_string(i)});
        sharing.join();
      } catch (const std::exception& e) {
        complaints[t] = e.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) EXPECT_EQ(complaint, "");
  Store store(file_);
  EXPECT_EQ(store.studies().size(), 3u * 5);
  for (int t = 0; t < 3; ++t)
    for (int i = 0; i < kEach; ++i)
      EXPECT_TRUE(store.find_blob("shared" + std::to_string(t) + "." + std::to_string(i)));
}

// Children that write until they are killed, each at another moment; what they said was put must be
// there.
TEST_F(StoreTest, KillLosesNothingThatWasPut) {
  std::vector<std::string> told;
  for (int child = 0; child < 6; ++child) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      try {
        Store store(file_);
        const std::string text(20'000, 'x');  // several pages
        for (int i = 0;; ++i) {
          const std::string key = std::to_string(child) + "." + std::to_string(i);
          store.put_blob(key, text + key);
          if (write(pipe_ends[1], (key + "\n").c_str(), key.size() + 1) < 0) _exit(3);
        }
      } catch (...) {
        _exit(2);
      }
    }
    close(pipe_ends[1]);
    // Kill after 3, 10, 17, … are told, while the next is being written.
    std::string lines;
    char c = 0;
    for (int n = 0; n < 3 + 7 * child && read(pipe_ends[0], &c, 1) == 1; n += c == '\n') lines += c;
    kill(pid, SIGKILL);
    while (read(pipe_ends[0], &c, 1) == 1) lines += c;
    int status = 0;
    waitpid(pid, &status, 0);
    close(pipe_ends[0]);
    EXPECT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

    Store store(file_);  // runs SQLite's quick_check
    std::istringstream keys(lines.substr(0, lines.rfind('\n') + 1));
    int found = 0;
    for (std::string key; std::getline(keys, key); ++found) {
      const auto text = store.find_blob(key);
      ASSERT_TRUE(text) << key;
      EXPECT_EQ(text->size(), 20'000 + key.size()) << key;
    }
    EXPECT_GE(found, 3 + 7 * child);
  }
}

TEST_F(StoreTest, NewerSchemaIsRefused) {
  Store{file_};
  raw_sql("PRAGMA user_version=4");
  EXPECT_EQ(complaint(),
            file_.string() +
                ": written by a newer Paretune (schema 4, this one knows 3); use that one, "
                "or name another file");
}

// As schema 1 had it: measurements, and no studies.
TEST_F(StoreTest, OlderSchemaIsBroughtToThisOne) {
  Store{file_}.put_blob("kept", "text");
  raw_sql(
      "DROP TABLE study; DROP TABLE study_trial; DROP TABLE operator_time; PRAGMA user_version=1;"
      "CREATE TABLE event(id INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT NOT NULL, json TEXT);"
      "CREATE INDEX event_by_study ON event(study, id);");
  {
    Store store(file_);
    EXPECT_EQ(store.find_blob("kept"), "text");
    EXPECT_TRUE(store.studies().empty());
    store.put_study({.id = "a"}, 0, {});
  }
  EXPECT_EQ(Store{file_}.studies().size(), 1u);
}

TEST_F(StoreTest, OperatorsTimesAreRowsOfTheirOwn) {
  const OperatorScope scope{"model", "machine", "build"}, other{"model", "machine", "newer"};
  {
    Store store(file_);
    EXPECT_TRUE(store.operators(scope).empty());
    const std::vector<OperatorRow> rows{{"b", {1e-5 / 3}, .03, "then"},
                                        {"a", {1, 2e-9, 3, 4}, .03, "then"}};
    store.put_operators(scope, rows);
    store.put_operators(scope, std::vector<OperatorRow>{{"b", {2e-5}, .04, "now"}});
    EXPECT_TRUE(store.operators(other).empty());
  }
  const std::vector<OperatorRow> kept = Store{file_}.operators(scope);
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].op, "a");
  EXPECT_EQ(kept[0].seconds, (std::vector<double>{1, 2e-9, 3, 4}));
  EXPECT_EQ(kept[1].seconds, std::vector<double>{2e-5});
  EXPECT_EQ(kept[1].canary_s, .04);
  EXPECT_EQ(kept[1].measured_at, "now");
}

TEST_F(StoreTest, OtherProgramsDatabaseIsLeftAlone) {
  raw_sql("CREATE TABLE bookmarks(url TEXT)");
  EXPECT_EQ(complaint(), file_.string() + ": a database of another program; name another file");
}

TEST_F(StoreTest, GarbageIsRefused) {
  std::ofstream(file_) << std::string(10'000, 'g');
  EXPECT_EQ(complaint(), file_.string() +
                             ": file is not a database: it is damaged; move it away, and what it "
                             "held is measured anew");
}

TEST_F(StoreTest, CutOffOrOverwrittenFileIsRefused) {
  {
    Store store(file_);
    for (int i = 0; i < 50; ++i) store.put_blob(std::to_string(i), std::string(5'000, 'x'));
  }
  const auto size = fs::file_size(file_);
  ASSERT_GT(size, 200'000u);
  const fs::path whole = folder_ / "whole";
  fs::copy_file(file_, whole);
  for (const double part : {0.9, 0.5, 0.1, 0.0001}) {
    fs::copy_file(whole, file_, fs::copy_options::overwrite_existing);
    fs::resize_file(file_, std::uintmax_t(double(size) * part));
    EXPECT_NE(complaint().find(file_.string() + ": "), std::string::npos) << part;
    EXPECT_NE(complaint().find("it is damaged; move it away"), std::string::npos)
        << part << complaint();
  }
  fs::copy_file(whole, file_, fs::copy_options::overwrite_existing);
  std::fstream(file_, std::ios::in | std::ios::out).seekp(16'384) << std::string(8'192, '\x55');
  EXPECT_NE(complaint().find("it is damaged; move it away"), std::string::npos) << complaint();
}

TEST_F(StoreTest, UnreadableMeasurementNamesTheFile) {
  Store{file_}.put(sample_key(), Measurement{});
  raw_sql("UPDATE measurement SET json = '{\"outcome\": \"ok\"}'");
  const std::string said = complaint([](Store& store) { store.find(sample_key()); });
  EXPECT_NE(said.find(file_.string() + ": measurement " + sample_key().digest()), std::string::npos)
      << said;
}

TEST_F(StoreTest, LockedFileIsRefusedInTheEnd) {
  Store{file_};
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(complaint([](Store& store) { store.put_blob("k", "v"); }),
            file_.string() +
                ": database is locked: another process holds it; wait for that one to end, or name "
                "another file");
  sqlite3_close(db);
  EXPECT_EQ(complaint([](Store& store) { store.put_blob("k", "v"); }), "");
}

TEST_F(StoreTest, FolderThatCannotBeWrittenIsNamed) {
  file_ = "/proc/paretune/store.sqlite";
  EXPECT_NE(complaint().find("/proc/paretune: cannot be created"), std::string::npos)
      << complaint();
  file_ = "/proc/store.sqlite";
  EXPECT_NE(
      complaint().find(
          "/proc/store.sqlite: unable to open database file: it or its folder cannot be written"),
      std::string::npos)
      << complaint();
  file_ = folder_;  // a folder
  EXPECT_EQ(complaint(), folder_.string() + ": found a folder, allowed: a file, or a name for one");
}

// A limit on file size stands for a full disk: the write that does not fit fails, all before it
// stay.
TEST_F(StoreTest, FullDiskIsReportedAndHurtsNothing) {
  Store{file_}.put_blob("before", "kept");
  const pid_t pid = fork();
  if (pid == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{200'000, 200'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      Store store(file_);
      for (int i = 0; i < 1000; ++i) store.put_blob(std::to_string(i), std::string(10'000, 'x'));
      _exit(1);
    } catch (const std::runtime_error& e) {
      const std::string said = e.what();
      _exit(said.find(file_.string() + ": ") == 0 &&
                    said.find("finished trials are kept") != said.npos
                ? 0
                : 2);
    }
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  Store store(file_);
  EXPECT_EQ(store.find_blob("before"), "kept");
  EXPECT_TRUE(store.find_blob("0"));
}

// A model whose "hash" counts how often it was computed.
class CountingModel : public ModelSource {
 public:
  explicit CountingModel(fs::path path) : path_(std::move(path)) {}
  const ModelShape& shape() const override { return shape_; }
  const TokenizerData& tokenizer() const override { return tokenizer_; }
  const std::optional<std::string>& chat_template() const override { return chat_template_; }
  void read_rows(Weight, int, int, int, std::span<float>) const override {}
  std::span<const std::byte> stored_row(Weight, int, int) const override { return {}; }
  std::string source_format(Weight, int) const override { return "F32"; }
  const fs::path& path() const override { return path_; }
  std::uint64_t file_bytes() const override { return 0; }
  void release_pages() const override {}
  std::string content_hash() const override { return "hash" + std::to_string(++hashed_); }

 private:
  fs::path path_;
  ModelShape shape_;
  TokenizerData tokenizer_;
  std::optional<std::string> chat_template_;
  mutable int hashed_ = 0;
};

TEST_F(StoreTest, ModelIsHashedOnceUntilItChanges) {
  for (const bool as_folder : {false, true}) {
    const fs::path model_folder = folder_ / (as_folder ? "folder" : "file");
    fs::create_directory(model_folder);
    const fs::path weights = model_folder / "model.gguf";
    std::ofstream(weights) << "weights";
    const CountingModel model(as_folder ? model_folder : weights);
    Store store(file_);
    EXPECT_EQ(store.model_hash(model), "hash1");
    EXPECT_EQ(store.model_hash(model), "hash1");
    EXPECT_EQ(Store{file_}.model_hash(model), "hash1");

    const auto time = fs::last_write_time(weights);
    std::ofstream(weights) << "weights and more";
    EXPECT_EQ(store.model_hash(model), "hash2");
    // Another file of the same size and time in its place.
    std::ofstream(folder_ / "other") << "weights or more!";
    fs::rename(folder_ / "other", weights);
    fs::last_write_time(weights, time);
    EXPECT_EQ(store.model_hash(model), "hash3");
    EXPECT_EQ(store.model_hash(model), "hash3");
  }
}

}  // namespace
}  // namespace paretune
