// tune show, pick, compare, export: of studies that are kept, without measuring.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "optimizer/cli/commands.h"
#include "optimizer/console.h"
#include "optimizer/constrained_pick.h"
#include "optimizer/study_lock.h"
#include "optimizer/study_store.h"
#include "profiles/steady_clock.h"
#include "reports/benchmark_report.h"
#include "reports/comparison.h"
#include "reports/report.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

void print(const std::string& text) { std::fputs(text.c_str(), stdout); }

// The words after those that every call has are too many, before them too few.
void expect_words(const Options& options, std::size_t least, std::size_t most,
                  std::string_view command) {
  const std::size_t n = options.words().size();
  if (n >= least && n <= most) return;
  const auto row = std::ranges::find(kCommands, command, &Command::name);
  throw UsageError("found " + std::to_string(n) + " words after " + std::string(command) +
                   ", allowed: tune " + std::string(command) + " " + std::string(row->usage));
}

std::string state(const Store& store, const StudyRow& row) {
  if (const auto holder = study_holder(store.file(), row.id))
    return "running, process " + std::to_string(*holder);
  return row.finished ? "finished" : "unfinished";
}

Table study_table(const Store& store) {
  Table table{
      .columns = {{"study"}, {"workload"}, {"model"}, {"trials", true}, {"kept at"}, {"state"}}};
  for (const StudyRow& row : store.studies()) {
    table.rows.push_back({.cells = {{row.id.substr(0, 8)},
                                    {row.workload},
                                    {fs::path(row.model).filename().string()},
                                    {std::to_string(row.trials)},
                                    {row.saved_at},
                                    {state(store, row)}}});
  }
  return table;
}

// A trial by its number or by a pick's name.
const Trial& trial_named(const Study& study, const std::string& name) {
  std::size_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error == std::errc() && end == name.data() + name.size()) {
    if (id < study.trials.size()) return study.trials[id];
  } else if (const Trial* pick = study.find_pick(name)) {
    return *pick;
  }
  std::string known;
  for (const Pick& pick : study.picks) known += (known.empty() ? " or " : ", ") + pick.name;
  throw std::runtime_error(
      "study " + study.id.substr(0, 8) + ": found the trial \"" + name + "\", allowed: " +
      (study.trials.empty() ? std::string("none, no trial has ended")
                            : "0 to " + std::to_string(study.trials.size() - 1) + known));
}

std::vector<Requirement> requirements_of(const Options& options) {
  std::vector<Requirement> out;
  for (const auto& [name, value] : options.given()) {
    if (name != "--max" && name != "--min") continue;
    try {
      out.push_back(parse_requirement(value, name == "--max" ? Side::at_most : Side::at_least));
    } catch (const std::runtime_error& error) {
      throw UsageError(name + " " + error.what());
    }
  }
  return out;
}

struct Exported {
  const StudyRecord& record;
  const Options& options;
};

std::string exported_benchmark_report(const Exported& e) {
  const Study& study = e.record.study;
  const Trial& trial = trial_named(
      study, e.options.value("--trial", study.find_pick("recommended") ? "recommended" : "0"));
  if (trial.measurement.outcome != Outcome::ok)
    throw std::runtime_error("trial " + std::to_string(trial.id) + " did not run: " +
                             std::string(outcome_name(trial.measurement.outcome)) +
                             "; name another with --trial");
  return benchmark_report(study, trial);
}

struct Format {
  std::string_view name;
  std::string (*write)(const Exported&);
};
constexpr std::array kFormats{
    Format{"csv", [](const Exported& e) { return trials_csv(e.record.study); }},
    Format{"json", [](const Exported& e) { return front_json(e.record.study); }},
    Format{"benchmark-report", exported_benchmark_report},
    Format{"workload", [](const Exported& e) { return e.record.options.workload_text; }},
};

const Format& find_format(const std::string& name) {
  std::string known;
  for (const Format& row : kFormats) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw UsageError("--format: found \"" + name + "\", allowed: " + known);
}

}  // namespace

int show_study(const Arguments& arguments) {
  const Options options(arguments, {});
  expect_words(options, 0, 1, "show");
  const Store store(options.present_store());
  if (options.words().empty()) {
    const Table table = study_table(store);
    print(table.rows.empty() ? "no study is kept in " + store.file().string() + "\n"
                             : text_table(table));
    return 0;
  }
  StudyRecord record = find_study(store, options.words()[0]);
  Study& study = record.study;
  if (!record.finished && study.stop_reason.empty())
    study.stop_reason = "it has not; tune resume " + study.id.substr(0, 8) + " goes on with it";
  if (study.verification.verdict.empty()) study.verification.verdict = "not verified yet";
  print("study      " + study.id.substr(0, 8) + ", " + study.workload.name + ", kept at " +
        record.saved_at + " by " + study.build + "\nmodel      " + study.model_path + "\n");
  SteadyClock clock;
  Console(stdout, false, clock, study.workload)
      .summary(study, study.finished_at.empty() ? "" : record.options.out);
  return 0;
}

int pick_trial(const Arguments& arguments) {
  const Options options(arguments, {"--max", "--min", "--prefer", "--out"}, {"--without-limits"});
  expect_words(options, 1, 1, "pick");
  const std::vector<Requirement> requirements = requirements_of(options);
  const Preference& preference = find_preference(options.value("--prefer", "cost"));
  const Store store(options.present_store());
  const StudyRecord record = find_study(store, options.words()[0]);
  const ConstrainedPick pick =
      pick_by(record.study, requirements, preference, !options.has("--without-limits"));
  print(pick_text(record.study, requirements, preference, pick));
  if (!pick.trial) return kExitInfeasible;

  const Study chosen = recommending(record.study, *pick.trial, requirements, preference);
  const fs::path out = options.value("--out", record.options.out + "/picked");
  const std::vector<fs::path> written =
      options.has("--out")
          ? write_reports(chosen, out)
          : write_reports(chosen, out,
                          std::array<std::string_view, 2>{"calibration_json", "deploy_json"});
  for (const fs::path& file : written) print("wrote " + file.string() + "\n");
  return 0;
}

int compare_trials(const Arguments& arguments) {
  const Options options(arguments, {});
  expect_words(options, 2, 3, "compare");
  const std::vector<std::string>& words = options.words();
  const Store store(options.present_store());
  const auto record_of = [&](const std::string& word) {
    const auto colon = word.rfind(':');
    if (colon != word.npos) return find_study(store, word.substr(0, colon));
    if (words.size() == 3) return find_study(store, words[0]);
    throw UsageError("found \"" + word + "\", allowed: STUDY:TRIAL, or the study first");
  };
  const auto name_of = [](const std::string& word) { return word.substr(word.rfind(':') + 1); };
  const std::string& first = words[words.size() - 2];
  const std::string& second = words.back();
  const StudyRecord left = record_of(first), right = record_of(second);
  const auto compared = [&](const StudyRecord& record, const std::string& word) {
    const Trial& trial = trial_named(record.study, name_of(word));
    std::string name = "trial " + std::to_string(trial.id);
    if (left.study.id != right.study.id) name = record.study.id.substr(0, 8) + " " + name;
    return Compared{record.study, trial, name};
  };
  const Compared a = compared(left, first), b = compared(right, second);
  for (const std::string& caveat : comparison_caveats(a, b)) print("note: " + caveat + "\n");
  for (const Compared* c : {&a, &b}) {
    if (c->trial.measurement.outcome != Outcome::ok)
      print(c->name + " did not run: " + std::string(outcome_name(c->trial.measurement.outcome)) +
            ": " + c->trial.measurement.detail + "\n");
  }
  const Table knobs = knob_comparison(a, b), metrics = metric_comparison(a, b);
  print(knobs.rows.empty() ? "no knob differs\n" : text_table(knobs));
  if (!metrics.rows.empty())
    print("\n" + text_table(metrics) +
          "\nIn brackets: 95 % intervals. Where they are apart, the two differ; where they "
          "overlap, they may not.\n");
  return 0;
}

int export_study(const Arguments& arguments) {
  const Options options(arguments, {"--format", "--trial", "--out"});
  expect_words(options, 1, 1, "export");
  const Format& format = find_format(options.value("--format"));
  const Store store(options.present_store());
  const StudyRecord record = find_study(store, options.words()[0]);
  const std::string text = format.write({record, options});
  if (!options.has("--out")) {
    print(text);
    return 0;
  }
  write_whole(options.value("--out"), text);
  print("wrote " + options.value("--out") + "\n");
  return 0;
}

}  // namespace paretune
