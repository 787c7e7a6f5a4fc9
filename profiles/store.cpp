#include "profiles/store.h"

#include <sqlite3.h>

#include <array>
#include <cassert>
#include <mutex>
#include <stdexcept>

#include "profiles/field_json.h"
#include "profiles/measurement_json.h"
#include "runtime/model/file_stats.h"

namespace paretune {
namespace {

constexpr int kApplicationId =
    0x5054554E;  // "PTUN"; tells our files from other programs' databases
// What brings a file from each PRAGMA user_version to the next; the last one's successor is ours.
constexpr std::array kSteps{
    R"(
  CREATE TABLE measurement(
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, model TEXT NOT NULL, machine TEXT NOT NULL, config TEXT NOT NULL,
    workload TEXT NOT NULL, build TEXT NOT NULL, seed TEXT NOT NULL, json TEXT NOT NULL, measured_at TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE blob(key TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE event(id INTEGER PRIMARY KEY AUTOINCREMENT, study TEXT NOT NULL, json TEXT NOT NULL);
  CREATE INDEX event_by_study ON event(study, id);
  CREATE TABLE model_hash(path TEXT PRIMARY KEY, stat TEXT NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
)",
    R"(
  DROP TABLE event;  -- nothing was ever written to it
  CREATE TABLE study(
    id TEXT PRIMARY KEY, workload TEXT NOT NULL, model TEXT NOT NULL, started_at TEXT NOT NULL,
    saved_at TEXT NOT NULL, finished INTEGER NOT NULL, json TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE study_trial(
    study TEXT NOT NULL, trial INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY(study, trial)
  ) WITHOUT ROWID;
)",
    R"(
  CREATE TABLE operator_time(
    model TEXT NOT NULL, machine TEXT NOT NULL, build TEXT NOT NULL, operator TEXT NOT NULL, seconds TEXT NOT NULL,
    canary_s TEXT NOT NULL, measured_at TEXT NOT NULL, PRIMARY KEY(model, machine, build, operator)
  ) WITHOUT ROWID;
)"};
constexpr int kSchemaVersion = kSteps.size();

std::string remedy(int code) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return "it is damaged; move it away, and what it held is measured anew";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "another process holds it; wait for that one to end, or name another file";
    case SQLITE_FULL:
      return "the disk is full; free some space and start again, finished trials are kept";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return "it or its folder cannot be written; change that, or name another file";
    case SQLITE_IOERR:
      return "the disk refused; check its health and space, finished trials are kept";
    default:
      return "no remedy is known";
  }
}

[[noreturn]] void fail(const std::filesystem::path& file, int code, const char* message) {
  if (std::error_code error; std::filesystem::is_directory(file, error))
    throw std::runtime_error(file.string() +
                             ": found a folder, allowed: a file, or a name for one");
  throw std::runtime_error(file.string() + ": " + message + ": " + remedy(code));
}

// A prepared statement with its parameters bound, stepped row by row.
class Query {
 public:
  Query(sqlite3* db, const std::filesystem::path& file, const char* sql,
        std::initializer_list<std::string_view> values)
      : db_(db), file_(file) {
    check(sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr));
    int index = 0;
    for (const std::string_view value : values)
      if (const int code =
              sqlite3_bind_text64(statement_, ++index, value.data() ? value.data() : "",
                                  value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
          code != SQLITE_OK) {
        sqlite3_finalize(statement_);
        check(code);
      }
  }
  ~Query() { sqlite3_finalize(statement_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // False: there are no more rows.
  bool next() {
    const int code = sqlite3_step(statement_);
    if (code != SQLITE_ROW && code != SQLITE_DONE) check(code);
    return code == SQLITE_ROW;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes ? std::string(bytes, sqlite3_column_bytes(statement_, column)) : std::string();
  }
  int number(int column) const { return sqlite3_column_int(statement_, column); }

 private:
  void check(int code) const {
    if (code != SQLITE_OK) fail(file_, code, sqlite3_errmsg(db_));
  }

  sqlite3* db_;
  const std::filesystem::path& file_;
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

std::string TrialKey::digest() const {
  return paretune::digest({kind, model, machine, config, workload, build, std::to_string(seed)});
}

struct Store::State {
  std::filesystem::path file;
  sqlite3* db = nullptr;
  mutable std::mutex mutex;  // one thread at a time talks to db

  ~State() { sqlite3_close(db); }

  Query query(const char* sql, std::initializer_list<std::string_view> values = {}) const {
    return Query(db, file, sql, values);
  }
  void run(const char* sql, std::initializer_list<std::string_view> values = {}) const {
    Query q = query(sql, values);
    while (q.next()) {
    }
  }
  int number(const char* sql) const {
    Query q = query(sql);
    return q.next() ? q.number(0) : 0;
  }

  void open(int busy_timeout_ms) {
    const int code =
        sqlite3_open_v2(file.c_str(), &db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) fail(file, code, db ? sqlite3_errmsg(db) : "out of memory");
    sqlite3_busy_timeout(db, busy_timeout_ms);
    if (sqlite3_db_readonly(db, "main") == 1) fail(file, SQLITE_READONLY, "read-only");
    run("PRAGMA synchronous=FULL");
    refuse_strangers();
    create_tables();
    enter_wal(busy_timeout_ms);
    const std::string found = integrity();
    if (found != "ok") fail(file, SQLITE_CORRUPT, found.c_str());
  }

  void refuse_strangers() const {
    const int version = number("PRAGMA user_version");
    const int application = number("PRAGMA application_id");
    const bool empty = number("SELECT count(*) FROM sqlite_master") == 0;
    if (empty && version == 0 && application == 0) return;
    if (application != kApplicationId)
      throw std::runtime_error(file.string() +
                               ": a database of another program; name another file");
    if (version > kSchemaVersion)
      throw std::runtime_error(file.string() + ": written by a newer Paretune (schema " +
                               std::to_string(version) + ", this one knows " +
                               std::to_string(kSchemaVersion) +
                               "); use that one, or name another file");
  }

  // All of body or nothing. kind: IMMEDIATE to write, DEFERRED to read one moment's state.
  template <class Body>
  void transaction(const char* kind, Body&& body) const {
    run((std::string("BEGIN ") + kind).c_str());
    try {
      body();
      run("COMMIT");
    } catch (...) {
      sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

  // Of two processes that come first at once, one creates the tables and the other waits and finds
  // them.
  void create_tables() const {
    if (number("PRAGMA user_version") == kSchemaVersion) return;
    transaction("IMMEDIATE", [&] {
      for (int version = number("PRAGMA user_version"); version < kSchemaVersion; ++version) {
        char* message = nullptr;
        if (const int code = sqlite3_exec(db, kSteps[static_cast<std::size_t>(version)], nullptr,
                                          nullptr, &message);
            code != SQLITE_OK) {
          const std::string copy = message ? message : "unknown error";
          sqlite3_free(message);
          fail(file, code, copy.c_str());
        }
      }
      run(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
      run(("PRAGMA user_version=" + std::to_string(kSchemaVersion)).c_str());
    });
  }

  // SQLite does not wait by itself for the others that use the file to let it change the mode.
  // Where there is no shared memory (network file systems) the rollback journal stays, which is as
  // safe and only slower.
  void enter_wal(int busy_timeout_ms) const {
    for (int waited_ms = 0;; waited_ms += 5) {
      const int code = sqlite3_exec(db, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
      if (code == SQLITE_OK) return;
      if ((code & 0xff) != SQLITE_BUSY || waited_ms >= busy_timeout_ms)
        fail(file, code, sqlite3_errmsg(db));
      sqlite3_sleep(5);
    }
  }

  std::string integrity() const {
    Query q = query("PRAGMA quick_check(1)");
    return q.next() ? q.text(0) : "no answer from quick_check";
  }
};

Store::Store(const std::filesystem::path& file, int busy_timeout_ms)
    : state_(std::make_unique<State>()) {
  state_->file = file;
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  if (error)
    throw std::runtime_error(file.parent_path().string() +
                             ": cannot be created: " + error.message());
  state_->open(busy_timeout_ms);
}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

const std::filesystem::path& Store::file() const { return state_->file; }

std::optional<Measurement> Store::find(const TrialKey& key) const {
  const std::lock_guard lock(state_->mutex);
  const std::string digest = key.digest();
  Query q = state_->query("SELECT json FROM measurement WHERE key = ?", {digest});
  if (!q.next()) return std::nullopt;
  return parse_measurement(q.text(0), state_->file.string() + ": measurement " + digest);
}

void Store::put(const TrialKey& key, const Measurement& measurement) {
  const std::lock_guard lock(state_->mutex);
  state_->run("INSERT OR REPLACE INTO measurement VALUES(?,?,?,?,?,?,?,?,?,?)",
              {key.digest(), key.kind, key.model, key.machine, key.config, key.workload, key.build,
               std::to_string(key.seed), to_json(measurement), measurement.measured_at});
}

std::optional<std::string> Store::find_blob(std::string_view key) const {
  const std::lock_guard lock(state_->mutex);
  Query q = state_->query("SELECT text FROM blob WHERE key = ?", {key});
  if (!q.next()) return std::nullopt;
  return q.text(0);
}

void Store::put_blob(std::string_view key, std::string_view text) {
  const std::lock_guard lock(state_->mutex);
  state_->run("INSERT OR REPLACE INTO blob VALUES(?,?)", {key, text});
}

void Store::put_blobs(std::span<const Blob> blobs) {
  const std::lock_guard lock(state_->mutex);
  state_->transaction("IMMEDIATE", [&] {
    for (const auto& [key, text] : blobs)
      state_->run("INSERT OR REPLACE INTO blob VALUES(?,?)", {key, text});
  });
}

void Store::put_operators(const OperatorScope& scope, std::span<const OperatorRow> rows) {
  const std::lock_guard lock(state_->mutex);
  state_->transaction("IMMEDIATE", [&] {
    for (const OperatorRow& row : rows)
      state_->run("INSERT OR REPLACE INTO operator_time VALUES(?,?,?,?,?,?,?)",
                  {scope.model, scope.machine, scope.build, row.op, fields_text(row.seconds),
                   fields_text(row.canary_s), row.measured_at});
  });
}

std::vector<OperatorRow> Store::operators(const OperatorScope& scope) const {
  const std::lock_guard lock(state_->mutex);
  Query q = state_->query(
      "SELECT operator, seconds, canary_s, measured_at FROM operator_time"
      " WHERE model = ? AND machine = ? AND build = ? ORDER BY operator",
      {scope.model, scope.machine, scope.build});
  const std::string where = state_->file.string() + ": operator_time";
  std::vector<OperatorRow> rows;
  while (q.next())
    rows.push_back({q.text(0), parse_fields<std::vector<double>>(q.text(1), where),
                    parse_fields<double>(q.text(2), where), q.text(3)});
  return rows;
}

namespace {

constexpr std::string_view kStudyColumns =
    "SELECT id, workload, model, started_at, saved_at, finished, "
    "(SELECT count(*) FROM study_trial WHERE study = id)";

StudyRow study_row(const Query& q) {
  return {.id = q.text(0),
          .workload = q.text(1),
          .model = q.text(2),
          .started_at = q.text(3),
          .saved_at = q.text(4),
          .finished = q.number(5) != 0,
          .trials = q.number(6)};
}

}  // namespace

void Store::put_study(const StudyRow& row, int kept, std::span<const std::string> trials) {
  assert(row.trials == kept + static_cast<int>(trials.size()) && "all trials of the study");
  const std::lock_guard lock(state_->mutex);
  state_->transaction("IMMEDIATE", [&] {
    state_->run("INSERT OR REPLACE INTO study VALUES(?,?,?,?,?,CAST(? AS INTEGER),?)",
                {row.id, row.workload, row.model, row.started_at, row.saved_at,
                 row.finished ? "1" : "0", row.json});
    int trial = kept;
    state_->run("DELETE FROM study_trial WHERE study = ? AND trial >= CAST(? AS INTEGER)",
                {row.id, std::to_string(trial)});
    for (const std::string& json : trials) {
      state_->run("INSERT INTO study_trial VALUES(?,CAST(? AS INTEGER),?)",
                  {row.id, std::to_string(trial++), json});
    }
  });
}

std::vector<StudyRow> Store::studies() const {
  const std::lock_guard lock(state_->mutex);
  Query q = state_->query(
      (std::string(kStudyColumns) + " FROM study ORDER BY saved_at DESC, id").c_str());
  std::vector<StudyRow> rows;
  while (q.next()) rows.push_back(study_row(q));
  return rows;
}

std::optional<Store::StudyTexts> Store::find_study(std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  std::optional<StudyTexts> found;
  state_->transaction("DEFERRED", [&] {
    Query q = state_->query((std::string(kStudyColumns) + ", json FROM study WHERE id = ?").c_str(),
                            {id});
    if (!q.next()) return;
    found.emplace(StudyTexts{.row = study_row(q), .trials = {}});
    found->row.json = q.text(7);
    Query trials =
        state_->query("SELECT json FROM study_trial WHERE study = ? ORDER BY trial", {id});
    while (trials.next()) found->trials.push_back(trials.text(0));
  });
  return found;
}

std::string Store::model_hash(const ModelSource& source) {
  const std::string path = std::filesystem::canonical(source.path()).string();
  const std::string stats = file_stats(path);
  {
    const std::lock_guard lock(state_->mutex);
    Query q =
        state_->query("SELECT hash FROM model_hash WHERE path = ? AND stat = ?", {path, stats});
    if (q.next()) return q.text(0);
  }
  const std::string hash = source.content_hash();
  // A file that was written meanwhile may hold something else by now.
  if (file_stats(path) != stats) return hash;
  const std::lock_guard lock(state_->mutex);
  state_->run("INSERT OR REPLACE INTO model_hash VALUES(?,?,?)", {path, stats, hash});
  return hash;
}

}  // namespace paretune
