#include "bench/measured_space.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "profiles/statistics.h"
#include "search/pareto.h"

namespace paretune {
namespace {

using Configuration = std::vector<double>;                   // values of the parameters
using Table = std::map<Configuration, std::vector<double>>;  // warm times

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

Table read_table(const std::string& path) {
  Table table;
  const auto json = nlohmann::json::parse(gunzip(path));
  for (const auto& result : json.at("results")) {
    if (result.at("invalidity") != "correct") continue;
    auto times = result.at("times").at("runtimes").get<std::vector<double>>();
    times.erase(times.begin());  // cold
    Configuration values;        // by parameter name, in its alphabetic order
    for (const auto& [name, value] : result.at("configuration").items())
      values.push_back(value.get<double>());
    table[values] = std::move(times);
  }
  return table;
}

}  // namespace

void find_front(MeasuredSpace& measured) {
  std::vector<Scores> all, meeting;
  for (const auto& [point, scores] : measured.scores) {
    all.push_back(scores);
    if (measured.meets(scores)) meeting.push_back(scores);
  }
  measured.feasible = !meeting.empty();
  if (measured.feasible) all = std::move(meeting);
  measured.front.clear();
  measured.reference.clear();
  for (std::size_t i : pareto_front(all)) measured.front.push_back(all[i]);
  for (std::size_t j = 0; j < all[0].size(); ++j) {
    const auto [low, high] =
        std::ranges::minmax(measured.front, {}, [j](const Scores& s) { return s[j]; });
    measured.reference.push_back(high[j] + 0.1 * (high[j] - low[j]));
  }
}

MeasuredSpace read_measured_space(const std::string& folder,
                                  const std::vector<std::string>& devices,
                                  const std::vector<std::string>& prior_devices) {
  std::map<std::string, Table> tables;
  for (const auto& names : {devices, prior_devices}) {
    for (const std::string& name : names) {
      if (!tables.contains(name)) tables[name] = read_table(folder + "/" + name + "_T4.json.gz");
    }
  }
  const Table& first = tables.at(devices[0]);
  std::vector<std::set<double>> values_of(first.begin()->first.size());
  for (const auto& [values, times] : first) {
    for (std::size_t d = 0; d < values.size(); ++d) values_of[d].insert(values[d]);
  }
  MeasuredSpace result;
  for (const std::set<double>& values : values_of) {
    if (values.size() > 1) result.space.n_choices.push_back(int(values.size()));
  }
  result.space.ordinal.assign(result.space.n_choices.size(), true);
  for (const auto& [values, times] : first) {
    Point point;
    for (std::size_t d = 0; d < values.size(); ++d) {
      const auto choice = std::distance(values_of[d].begin(), values_of[d].find(values[d]));
      if (values_of[d].size() > 1) point.push_back(int(choice));
    }
    Scores prior, scores;
    std::vector<std::vector<double>> repetitions;
    for (const std::string& name : devices) {
      const auto row = tables.at(name).find(values);
      if (row == tables.at(name).end()) break;
      repetitions.push_back(row->second);
      scores.push_back(std::log(median(row->second)));
    }
    if (scores.size() < devices.size()) continue;
    for (const std::string& name : prior_devices) {
      const auto row = tables.at(name).find(values);
      if (row != tables.at(name).end()) prior.push_back(median(row->second));
    }
    result.times[point] = std::move(repetitions);
    result.scores[point] = std::move(scores);
    if (prior.size() == prior_devices.size()) result.prior[point] = std::move(prior);
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
  find_front(result);
  return result;
}

void limit(MeasuredSpace& measured, double share) {
  std::vector<double> times;
  for (const auto& [point, scores] : measured.scores) times.push_back(std::exp(scores[1]));
  std::ranges::sort(times);
  measured.limit =
      share > 0 ? times[std::size_t(share * double(times.size() - 1))] : times.front() / 2;
  find_front(measured);
}

void double_points(MeasuredSpace& measured) {
  const auto twice = [](auto& by_point) {
    std::remove_cvref_t<decltype(by_point)> doubled;
    for (const auto& [point, value] : by_point) {
      for (const int twin : {0, 1}) {
        Point longer = point;
        longer.push_back(twin);
        doubled[longer] = value;
      }
    }
    by_point = std::move(doubled);
  };
  twice(measured.times), twice(measured.spread), twice(measured.scores), twice(measured.prior);
  measured.space.n_choices.push_back(2);
  measured.space.ordinal.push_back(false);
  const auto single = [](const Point& p) { return Point(p.begin(), p.end() - 1); };
  if (measured.space.canonical) {
    measured.space.canonical =
        [single, inner = measured.space.canonical](const Point& p) -> std::optional<Point> {
      std::optional<Point> canonical = inner(single(p));
      if (canonical) canonical->push_back(p.back());
      return canonical;
    };
  }
  if (measured.alike) {
    measured.alike = [single, inner = measured.alike](const Point& p) { return inner(single(p)); };
  }
}

void fail(MeasuredSpace& measured, const std::vector<Point>& failing) {
  for (const Point& point : failing) {
    measured.times.erase(point);
    measured.scores.erase(point);
  }
  find_front(measured);
}

}  // namespace paretune
