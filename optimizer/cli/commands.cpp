#include "optimizer/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "search/strategy.h"

namespace paretune {

std::string help_text() {
  std::string text =
      "usage: tune WORKLOAD.json [options]\n"
      "       tune COMMAND …\n\n"
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
      "  --store FILE     where measurements and studies are kept (default: "
      "~/.cache/paretune/paretune.sqlite)\n"
      "  --kernel-seconds S  for timing matrix kernels, the first time (default: 6 % of the "
      "budget, at "
      "most 60)\n"
      "  --retune-kernels time the matrix kernels of this machine anew, those of earlier runs too\n"
      "  --dry-run        print the plan, the size of the space and the expected time, and measure "
      "nothing\n"
      "  --help           this text\n\n"
      "Commands on studies that are kept (STUDY: the beginning of an id, or a workload's name for "
      "its newest):\n\n";
  for (const Command& row : kCommands) {
    text += "  tune " + std::string(row.name) + " " + std::string(row.usage) + "\n      " +
            std::string(row.summary) + "\n";
  }
  text +=
      "\nA study that was stopped goes on when it is run again. Exit codes: 0 an answer, 1 an "
      "error, 2 wrong usage,\n"
      "3 no deployment meets the limits (the nearest is reported), 130 interrupted (the answer so "
      "far is written).\n"
      "Set PARETUNE_MAX_ISA=avx2 (baseline, avx512, …) to tune for a lesser CPU.\n";
  return text;
}

std::string help_text(const Command& row) {
  return "usage: tune " + std::string(row.name) + " " + std::string(row.usage) + "\n\n" +
         std::string(row.summary) + "\n\n" + std::string(row.options) +
         "  --store FILE     where studies are kept (default: "
         "~/.cache/paretune/paretune.sqlite)\n";
}

int print_help(const Arguments& arguments) {
  std::string text = help_text();
  if (!arguments.empty() && arguments[0] != "--help") {
    const auto row = std::ranges::find(kCommands, arguments[0], &Command::name);
    if (row == kCommands.end()) {
      std::string known;
      for (const Command& command : kCommands)
        known += (known.empty() ? "" : ", ") + std::string(command.name);
      throw UsageError("no command \"" + arguments[0] + "\"; there are: " + known);
    }
    text = help_text(*row);
  }
  std::fputs(text.c_str(), stdout);
  return 0;
}

std::filesystem::path default_store() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return std::filesystem::path(cache) / "paretune" / "paretune.sqlite";
  if (const char* home = std::getenv("HOME"); home && *home)
    return std::filesystem::path(home) / ".cache" / "paretune" / "paretune.sqlite";
  return "paretune.sqlite";
}

Options::Options(const Arguments& arguments, std::vector<std::string_view> valued,
                 std::vector<std::string_view> flags) {
  valued.push_back("--store");
  flags.push_back("--help");
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (std::ranges::find(valued, argument) != valued.end()) {
      if (i + 1 == arguments.size()) throw UsageError(argument + " needs a value");
      given_.emplace_back(argument, arguments[++i]);
    } else if (std::ranges::find(flags, argument) != flags.end()) {
      given_.emplace_back(argument, "");
    } else if (argument == "-h") {
      given_.emplace_back("--help", "");
    } else if (argument.starts_with("-")) {
      std::string known;
      for (const auto* list : {&valued, &flags})
        for (const std::string_view name : *list)
          known += (known.empty() ? "" : ", ") + std::string(name);
      throw UsageError("unknown option " + argument + "; allowed: " + known);
    } else {
      words_.push_back(argument);
    }
  }
}

bool Options::has(std::string_view name) const {
  return std::ranges::any_of(given_, [&](const auto& option) { return option.first == name; });
}

std::string Options::value(std::string_view name, std::string otherwise) const {
  for (const auto& [option, value] : given_) {
    if (option == name) otherwise = value;
  }
  return otherwise;
}

std::filesystem::path Options::store() const {
  const std::string named = value("--store");
  return named.empty() ? default_store() : std::filesystem::path(named);
}

std::filesystem::path Options::present_store() const {
  std::filesystem::path file = store();
  if (!std::filesystem::exists(file))
    throw std::runtime_error(file.string() +
                             ": there is no such store; run a study (tune WORKLOAD.json), or name "
                             "another with --store");
  return file;
}

}  // namespace paretune
