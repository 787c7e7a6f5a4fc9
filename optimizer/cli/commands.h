// The commands of `tune`: one row each. A first word that is none of them is a workload to tune.
#pragma once

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paretune {

inline constexpr int kExitError = 1, kExitUsage = 2, kExitInfeasible = 3, kExitInterrupted = 130;

using Arguments = std::vector<std::string>;

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Each prints to stdout and returns the exit code.
int run_workload(const Arguments& arguments);
int resume_study(const Arguments& arguments);
int show_study(const Arguments& arguments);
int pick_trial(const Arguments& arguments);
int compare_trials(const Arguments& arguments);
int export_study(const Arguments& arguments);
int print_help(const Arguments& arguments);

struct Command {
  std::string_view name;
  std::string_view usage;  // what follows the name
  std::string_view summary;
  std::string_view options;  // lines
  int (*run)(const Arguments&);
};

inline constexpr std::array kCommands{
    Command{"resume", "[STUDY] [options]",
            "goes on with a study that was stopped, by default the newest unfinished one",
            "  --minutes M      time budget, instead of the recorded one\n"
            "  --trials N       trial budget, instead of the recorded one\n"
            "  --out DIR        where the results go, instead of where they were to go\n",
            resume_study},
    Command{"show", "[STUDY]", "the studies that are kept; of one, what its end printed", "",
            show_study},
    Command{"pick", "STUDY [--max 'METRIC<N'] [--min 'METRIC>N'] [options]",
            "another pick from what a study measured, and what each requirement costs",
            "  --max 'ttft:p95<300ms'   no more than; any number of times\n"
            "  --min 'accuracy>0.95'    no less than; any number of times\n"
            "  --prefer WHAT    the best by cost (default), latency or quality\n"
            "  --without-limits trials count that miss the workload's own limits\n"
            "  --out DIR        writes all reports there, not deploy.json alone to "
            "<the study's folder>/picked\n",
            pick_trial},
    Command{"compare", "STUDY A B | STUDY:A STUDY:B",
            "two trials side by side; A and B are numbers of trials or names of picks", "",
            compare_trials},
    Command{"export", "STUDY --format FORMAT [options]", "a study for other programs",
            "  --format FORMAT  csv (every trial), json (front.json), benchmark-report (llm-d "
            "Benchmark Report v0.2 of one\n"
            "                   trial) or workload (as it was given)\n"
            "  --trial T        of a benchmark report: number or pick (default: recommended)\n"
            "  --out FILE       instead of stdout\n",
            export_study},
    Command{"help", "[COMMAND]", "this text, or a command's", "", print_help},
};

std::string help_text();
std::string help_text(const Command& command);

std::filesystem::path default_store();

// The words and the options of a command line.
class Options {
 public:
  // valued: the options that take a value, flags: those that take none; --store and --help are
  // always among them. Throws UsageError at any other.
  Options(const Arguments& arguments, std::vector<std::string_view> valued,
          std::vector<std::string_view> flags = {});

  const std::vector<std::string>& words() const { return words_; }
  // In the order in which they were given: name and value.
  const std::vector<std::pair<std::string, std::string>>& given() const { return given_; }
  bool has(std::string_view name) const;
  std::string value(std::string_view name, std::string otherwise = "") const;  // the last one given
  std::filesystem::path store() const;
  // store(), where it is there; throws where it is not.
  std::filesystem::path present_store() const;

 private:
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> given_;
};

}  // namespace paretune
