// tune WORKLOAD.json, and tune resume.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "optimizer/cli/commands.h"
#include "optimizer/console.h"
#include "optimizer/effort.h"
#include "optimizer/study_lock.h"
#include "optimizer/study_store.h"
#include "optimizer/tuner.h"
#include "profiles/digest.h"
#include "profiles/steady_clock.h"
#include "profiles/store.h"
#include "reports/report.h"
#include "search/strategy.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> stop_requested{false};

// The first Ctrl-C ends the search and keeps the answer so far, the second ends the program.
void on_signal(int) {
  if (stop_requested.exchange(true)) _exit(kExitInterrupted);
}

template <class T>
T parse_number(std::string_view flag, const std::string& text, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= least) ||
      !(value < T(1e9))) {
    throw UsageError(std::string(flag) + ": found \"" + text +
                     "\", allowed: a number of at least " + std::to_string(least));
  }
  return value;
}

// Measurements of one program are not those of another: the build is the content of the executable.
std::string build_id() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return "paretune 0.1.0, g++ " __VERSION__ ", " + digest({bytes}).substr(0, 16);
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void set_budget(Workload& workload, const Options& options) {
  if (options.has("--minutes"))
    workload.budget.minutes = parse_number<double>("--minutes", options.value("--minutes"), 0.01);
  if (options.has("--trials"))
    workload.budget.trials = parse_number<int>("--trials", options.value("--trials"), 1);
}

struct Run {
  Workload workload;
  TuneOptions options;
  RunOptions record;               // record.out: where the results go
  std::string out;                 // the same as the user would type it
  const Study* resumed = nullptr;  // whose id this run must have
};

// Why what was measured for a study does not count for this one.
std::string difference(const Study& then, const Study& now) {
  if (then.build != now.build) return "of another build (" + then.build + ")";
  if (then.machine.fingerprint != now.machine.fingerprint)
    return "of another machine (" + then.machine.cpu + ")";
  if (then.model_hash != now.model_hash) return "of another content of " + then.model_path;
  return "of other questions, texts or traces: files that the workload names have changed";
}

int run(const Run& run, Store& store, bool dry_run) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  SteadyClock clock;
  Profiler profiler(run.workload, store, clock, build_id(), stop_requested);
  Console console(stdout, isatty(STDOUT_FILENO), clock, run.workload);

  const std::string pace_key =
      digest({"seconds per trial", profiler.model_hash(), profiler.target().machine.fingerprint});
  const std::optional<std::string> pace = store.find_blob(pace_key);
  const Study planned = plan_study(run.workload, run.options, profiler);
  if (run.resumed && run.resumed->id != planned.id)
    throw std::runtime_error(
        "study " + run.resumed->id.substr(0, 8) + " is " + difference(*run.resumed, planned) +
        ", so its measurements do not count here; start anew: tune " + run.workload.file.string());
  console.plan(planned, pace ? std::strtod(pace->c_str(), nullptr) : 0);
  if (dry_run) return 0;

  const StudyLock lock(store.file(), planned.id);
  fs::create_directories(run.record.out);
  StudyRecorder recorder(store, clock, run.record, console);
  recorder.begin(planned);
  const Study study = tune(run.workload, run.options, profiler, clock, stop_requested, recorder);
  recorder.end(study, !stop_requested);
  double measured = 0;
  for (const Trial& trial : study.trials)
    measured += trial.measurement.seconds / static_cast<double>(study.trials.size());
  if (measured > 0) store.put_blob(pace_key, std::to_string(measured));

  write_reports(study, run.record.out);
  console.summary(study, run.out);
  if (stop_requested) return kExitInterrupted;
  return study.find_pick("recommended") ? 0 : kExitInfeasible;
}

}  // namespace

int run_workload(const Arguments& arguments) {
  const Options options(
      arguments, {"--out", "--minutes", "--trials", "--strategy", "--seed", "--kernel-seconds"},
      {"--retune-kernels", "--dry-run"});
  if (options.has("--help")) return print_help({});
  if (options.words().empty())
    throw UsageError("which workload? For example: tune workloads/demo/chat.json");
  if (options.words().size() > 1)
    throw UsageError("one workload at a time: found " + options.words()[0] + " and " +
                     options.words()[1]);
  const std::string& file = options.words()[0];
  if (file.find_first_of("./") == file.npos && !fs::exists(file)) {
    std::string known;
    for (const Command& command : kCommands)
      known += (known.empty() ? "" : ", ") + std::string(command.name);
    throw UsageError("found \"" + file + "\", allowed: a workload's file, or one of " + known);
  }
  Run what;
  if (options.has("--kernel-seconds"))
    what.options.kernel_seconds =
        parse_number<double>("--kernel-seconds", options.value("--kernel-seconds"), 0);
  if (options.has("--seed"))
    what.options.seed =
        static_cast<std::uint64_t>(parse_number<long>("--seed", options.value("--seed"), 0));
  if (options.has("--strategy"))
    what.options.strategy = find_strategy(options.value("--strategy")).name;
  what.options.retune_kernels = options.has("--retune-kernels");
  what.options.command = "tune";
  for (const std::string& argument : arguments) what.options.command += " " + argument;

  what.workload = load_workload(file);
  set_budget(what.workload, options);
  Effort effort =
      fit_to_budget(what.workload, {this_machine(), open_model(what.workload.model_path)->shape()});
  what.workload = std::move(effort.workload);
  what.options.effort = std::move(effort.change);
  what.out = options.value("--out", "paretune-out/" + folder_name(what.workload.name));
  what.record = {.workload_file = fs::absolute(file).lexically_normal().string(),
                 .workload_text = text_of(file),
                 .out = fs::absolute(what.out).lexically_normal().string(),
                 .kernel_seconds = what.options.kernel_seconds};
  Store store(options.store());
  return run(what, store, options.has("--dry-run"));
}

int resume_study(const Arguments& arguments) {
  const Options options(arguments, {"--out", "--minutes", "--trials"});
  if (options.words().size() > 1)
    throw UsageError("one study at a time: found " + options.words()[0] + " and " +
                     options.words()[1]);
  Store store(options.present_store());
  const StudyRecord record =
      options.words().empty() ? newest_unfinished(store) : find_study(store, options.words()[0]);
  Run what{.record = record.options, .resumed = &record.study};
  what.workload = load_workload(record.study.workload_json, record.options.workload_file);
  set_budget(what.workload, options);
  what.options = {.strategy = record.study.strategy,
                  .seed = record.study.seed,
                  .kernel_seconds = record.options.kernel_seconds,
                  .effort = record.study.effort,
                  .command = record.study.command};
  if (options.has("--out"))
    what.record.out = fs::absolute(options.value("--out")).lexically_normal().string();
  what.out = what.record.out;
  return run(what, store, false);
}

}  // namespace paretune
