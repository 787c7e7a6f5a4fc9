// tune: finds the deployments worth having for a workload, and the one to ship.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "optimizer/console.h"
#include "optimizer/tuner.h"
#include "profiles/digest.h"
#include "profiles/steady_clock.h"
#include "profiles/store.h"
#include "reports/report.h"
#include "search/strategy.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr int kExitError = 1, kExitUsage = 2, kExitInfeasible = 3, kExitInterrupted = 130;

std::atomic<bool> stop_requested{false};

// The first Ctrl-C ends the search and keeps the answer so far, the second ends the program.
void on_signal(int) {
  if (stop_requested.exchange(true)) _exit(kExitInterrupted);
}

struct Flags {
  std::string workload;
  std::filesystem::path out;
  std::filesystem::path store;
  std::optional<double> minutes;
  std::optional<int> trials;
  TuneOptions options;
  bool dry_run = false;
  bool help = false;
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string help() {
  std::string text =
      "usage: tune WORKLOAD.json [options]\n\n"
      "Measures deployments of the workload's model on this machine and writes the Pareto front "
      "over cost, latency and\n"
      "quality, a report, and the config to serve.\n\n"
      "  --out DIR        where the results go (default: paretune-out/<workload name>)\n"
      "  --minutes M      time budget, instead of the workload's\n"
      "  --trials N       trial budget, instead of the workload's\n"
      "  --strategy NAME  how to search (default: the first):\n";
  for (const StrategyRow& row : kStrategies) {
    text += "                     " + std::string(row.name) +
            std::string(row.name.size() < 12 ? 12 - row.name.size() : 1, ' ') +
            std::string(row.summary) + "\n";
  }
  text +=
      "  --seed N         of the search (default: 1)\n"
      "  --store FILE     where measurements are kept (default: "
      "~/.cache/paretune/paretune.sqlite)\n"
      "  --kernel-seconds S  for timing matrix kernels, the first time (default: 6 % of the "
      "budget, at "
      "most 60)\n"
      "  --retune-kernels time the matrix kernels of this machine anew, those of earlier runs too\n"
      "  --dry-run        print the plan, the size of the space and the expected time, and measure "
      "nothing\n"
      "  --help           this text\n\n"
      "A study that was stopped goes on when it is run again. Exit codes: 0 an answer, 1 an error, "
      "2 wrong usage,\n"
      "3 no deployment meets the limits (the nearest is reported), 130 interrupted (the answer so "
      "far is written).\n"
      "Set PARETUNE_MAX_ISA=avx2 (baseline, avx512, …) to tune for a lesser CPU.\n";
  return text;
}

template <class T>
T parse_number(const std::string& flag, const std::string& text, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= least) ||
      !(value < T(1e9))) {
    throw UsageError(flag + ": found \"" + text + "\", allowed: a number of at least " +
                     std::to_string(least));
  }
  return value;
}

Flags parse_flags(const std::vector<std::string>& arguments) {
  Flags flags;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& flag = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == arguments.size()) throw UsageError(flag + " needs a value");
      return arguments[++i];
    };
    if (flag == "--help" || flag == "-h") {
      flags.help = true;
    } else if (flag == "--dry-run") {
      flags.dry_run = true;
    } else if (flag == "--retune-kernels") {
      flags.options.retune_kernels = true;
    } else if (flag == "--kernel-seconds") {
      flags.options.kernel_seconds = parse_number<double>(flag, value(), 0);
    } else if (flag == "--out") {
      flags.out = value();
    } else if (flag == "--store") {
      flags.store = value();
    } else if (flag == "--minutes") {
      flags.minutes = parse_number<double>(flag, value(), 0.01);
    } else if (flag == "--trials") {
      flags.trials = parse_number<int>(flag, value(), 1);
    } else if (flag == "--seed") {
      flags.options.seed = static_cast<std::uint64_t>(parse_number<long>(flag, value(), 0));
    } else if (flag == "--strategy") {
      flags.options.strategy = find_strategy(value()).name;
    } else if (flag.starts_with("-")) {
      throw UsageError("unknown option " + flag +
                       "; allowed: --out, --minutes, --trials, --strategy, --seed, --store, "
                       "--retune-kernels, --dry-run, --help");
    } else if (flags.workload.empty()) {
      flags.workload = flag;
    } else {
      throw UsageError("one workload at a time: found " + flags.workload + " and " + flag);
    }
  }
  if (flags.workload.empty() && !flags.help)
    throw UsageError("which workload? For example: tune workloads/demo/chat.json");
  return flags;
}

std::filesystem::path default_store() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return std::filesystem::path(cache) / "paretune" / "paretune.sqlite";
  if (const char* home = std::getenv("HOME"); home && *home)
    return std::filesystem::path(home) / ".cache" / "paretune" / "paretune.sqlite";
  return "paretune.sqlite";
}

// Measurements of one program are not those of another: the build is the content of the executable.
std::string build_id() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  return "paretune 0.1.0, g++ " __VERSION__ ", " + digest({bytes}).substr(0, 16);
}

std::string folder_name(std::string name) {
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '-';
  }
  return name;
}

int run(const std::vector<std::string>& arguments) {
  Flags flags = parse_flags(arguments);
  if (flags.help) {
    std::fputs(help().c_str(), stdout);
    return 0;
  }
  flags.options.command = "tune";
  for (const std::string& argument : arguments) flags.options.command += " " + argument;

  Workload workload = load_workload(flags.workload);
  if (flags.minutes) workload.budget.minutes = *flags.minutes;
  if (flags.trials) workload.budget.trials = *flags.trials;
  const std::filesystem::path out =
      flags.out.empty() ? std::filesystem::path("paretune-out") / folder_name(workload.name)
                        : flags.out;

  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);

  SteadyClock clock;
  Store store(flags.store.empty() ? default_store() : flags.store);
  Profiler profiler(workload, store, clock, build_id(), stop_requested);
  Console console(stdout, isatty(STDOUT_FILENO), clock, workload);

  const std::string pace_key =
      digest({"seconds per trial", profiler.model_hash(), profiler.target().machine.fingerprint});
  const std::optional<std::string> pace = store.find_blob(pace_key);
  console.plan(plan_study(workload, flags.options, profiler),
               pace ? std::strtod(pace->c_str(), nullptr) : 0);
  if (flags.dry_run) return 0;

  std::filesystem::create_directories(out);
  const Study study = tune(workload, flags.options, profiler, clock, stop_requested, console);
  double measured = 0;
  for (const Trial& trial : study.trials)
    measured += trial.measurement.seconds / static_cast<double>(study.trials.size());
  if (measured > 0) store.put_blob(pace_key, std::to_string(measured));

  write_reports(study, out);
  console.summary(study, out.string());
  if (stop_requested) return kExitInterrupted;
  return study.feasible ? 0 : kExitInfeasible;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) {
  try {
    return paretune::run({argv + 1, argv + argc});
  } catch (const paretune::UsageError& error) {
    std::fprintf(stderr, "tune: %s\n(tune --help lists all options)\n", error.what());
    return paretune::kExitUsage;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "tune: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tune: %s\n", error.what());
  }
  return paretune::kExitError;
}
