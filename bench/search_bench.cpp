// How soon each search strategy finds the front of a space that others measured in full: a
// convolution kernel on six GPUs (Kernel Tuner's caches, ../shared/search-spaces). A trial's scores
// are the recorded times of one configuration on three GPUs, so the exact front is known. Printed
// per strategy: the hypervolume of what it tried, as a share of the exact front's, after so many
// trials: median over seeds [10 %, 90 %].
//
//   search_bench [seeds] [strategy...]
//
// Scores are log medians of the 31 warm repetitions; reference: nadir of the exact front + 10 % of
// its range.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "search/indicators.h"
#include "search/pareto.h"
#include "search/strategy.h"

namespace {

using namespace paretune;
using Table = std::map<Point, double>;  // values of the tuning parameters -> log median seconds

constexpr const char* kFolder = "../shared/search-spaces/convolution/";
constexpr const char* kParameters[] = {"block_size_x", "block_size_y", "tile_size_x", "tile_size_y",
                                       "read_only",    "use_padding",  "use_shmem"};
constexpr int kMarks[] = {15, 30, 60, 100, 150};  // trials

std::string gunzip(const std::string& path) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("gzip -dc '" + path + "'").c_str(), "r"),
                                                   pclose);
  if (!pipe) throw std::runtime_error(path + ": gzip does not start");
  std::string text;
  char buffer[1 << 16];
  for (std::size_t n; (n = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;)
    text.append(buffer, n);
  return text;
}

Table read_table(const std::string& device) {
  Table table;
  const auto json = nlohmann::json::parse(gunzip(kFolder + device + "_T4.json.gz"));
  for (const auto& result : json.at("results")) {
    if (result.at("invalidity") != "correct") continue;
    auto times = result.at("times").at("runtimes").get<std::vector<double>>();
    times.erase(times.begin());  // cold
    std::ranges::nth_element(times, times.begin() + std::ptrdiff_t(times.size() / 2));
    Point values;
    for (const char* name : kParameters) values.push_back(result.at("configuration").at(name));
    table[values] = std::log(times[times.size() / 2]);
  }
  return table;
}

struct Measured {
  Space space;
  std::map<Point, Scores> scores;  // by choice indices
  std::vector<Scores> front;
  Scores reference;
};

// The configurations valid on all devices. Others are repaired to the nearest of these, in steps of
// choices.
Measured measured_space(const std::vector<std::string>& devices) {
  std::vector<Table> tables;
  for (const std::string& device : devices) tables.push_back(read_table(device));
  std::vector<std::vector<int>> choices(std::size(kParameters));
  for (const auto& [values, time] : tables[0]) {
    for (std::size_t d = 0; d < values.size(); ++d) choices[d].push_back(values[d]);
  }
  Measured result;
  for (auto& of_one : choices) {
    std::ranges::sort(of_one);
    of_one.erase(std::unique(of_one.begin(), of_one.end()), of_one.end());
    result.space.n_choices.push_back(int(of_one.size()));
  }
  result.space.ordinal.assign(choices.size(), true);
  for (const auto& [values, time] : tables[0]) {
    Scores scores;
    for (const Table& table : tables) {
      if (const auto row = table.find(values); row != table.end()) scores.push_back(row->second);
    }
    if (scores.size() < tables.size()) continue;
    Point point;
    for (std::size_t d = 0; d < values.size(); ++d) {
      point.push_back(int(std::ranges::lower_bound(choices[d], values[d]) - choices[d].begin()));
    }
    result.scores[point] = scores;
  }

  auto repaired = std::make_shared<std::map<Point, Point>>();
  result.space.canonical = [repaired,
                            scores = result.scores](const Point& p) -> std::optional<Point> {
    if (scores.contains(p)) return p;
    const auto [entry, is_new] = repaired->try_emplace(p);
    int nearest = 1 << 30;
    for (auto row = scores.begin(); is_new && row != scores.end(); ++row) {
      int distance = 0;
      for (std::size_t d = 0; d < p.size(); ++d) distance += std::abs(p[d] - row->first[d]);
      if (distance < nearest) {
        nearest = distance;
        entry->second = row->first;
      }
    }
    return entry->second;
  };

  std::vector<Scores> all;
  for (const auto& [point, scores] : result.scores) all.push_back(scores);
  for (std::size_t i : pareto_front(all)) result.front.push_back(all[i]);
  for (std::size_t j = 0; j < devices.size(); ++j) {
    const auto [low, high] =
        std::ranges::minmax(result.front, {}, [j](const Scores& s) { return s[j]; });
    result.reference.push_back(high[j] + 0.1 * (high[j] - low[j]));
  }
  return result;
}

double quantile(std::vector<double> sorted, double q) {
  return sorted[std::size_t(std::lround(q * double(sorted.size() - 1)))];
}

void replay(const Measured& measured, const StrategyRow& row, int n_seeds) {
  const double best = hypervolume(measured.front, measured.reference);
  std::map<int, std::vector<double>> ratios;
  const auto start = std::chrono::steady_clock::now();
  int n_trials = 0;
  for (int seed = 1; seed <= n_seeds; ++seed) {
    const auto strategy =
        row.make(measured.space, int(measured.reference.size()), std::uint64_t(seed));
    std::vector<Scores> tried;
    for (int mark : kMarks) {
      while (int(tried.size()) < mark) {
        const std::vector<Point> asked = strategy->ask(1);
        if (asked.empty()) break;
        tried.push_back(measured.scores.at(asked[0]));
        // Told as times: a strategy is to find out by itself that ratios matter.
        Scores times;
        for (double log_time : tried.back()) times.push_back(std::exp(log_time));
        strategy->tell(asked[0], times);
        ++n_trials;
      }
      ratios[mark].push_back(hypervolume(tried, measured.reference) / best);
    }
  }
  const double ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  std::printf("%-12s", std::string(row.name).c_str());
  for (auto& [mark, values] : ratios) {
    std::ranges::sort(values);
    std::printf("  %.3f [%.3f %.3f]", quantile(values, 0.5), quantile(values, 0.1),
                quantile(values, 0.9));
  }
  std::printf("  %6.2f ms/trial\n", ms / n_trials);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  if (!std::filesystem::exists(kFolder)) {
    std::printf("skipped: %s is not here\n", kFolder);
    return 0;
  }
  const int n_seeds = argc > 1 ? std::stoi(argv[1]) : 20;
  for (const std::vector<std::string>& devices :
       {std::vector<std::string>{"A100", "MI250X", "W6600"}, {"A4000", "A6000", "W7800"}}) {
    const Measured measured = measured_space(devices);
    std::printf("convolution on %s, %s, %s: %zu configurations, front of %zu; %d seeds\n%-12s",
                devices[0].c_str(), devices[1].c_str(), devices[2].c_str(), measured.scores.size(),
                measured.front.size(), n_seeds, "");
    for (int mark : kMarks) std::printf("  %-19s", ("@" + std::to_string(mark)).c_str());
    std::printf("\n");
    for (const StrategyRow& row : kStrategies) {
      const bool wanted = argc <= 2 || std::any_of(argv + 2, argv + argc,
                                                   [&](const char* a) { return row.name == a; });
      if (wanted) replay(measured, row, n_seeds);
    }
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "search_bench: %s\n", error.what());
  return 1;
}
