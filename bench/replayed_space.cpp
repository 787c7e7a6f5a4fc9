#include "bench/replayed_space.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>

#include "profiles/statistics.h"

namespace paretune {
namespace {

constexpr int kNeighbours = 3;  // runs of the canary on either side that it is smoothed over
constexpr double kKlResolution = 1e-6;
constexpr double k95 = 1.96;  // standard errors on either side
constexpr const char* kKnobs[] = {"weights", "activations",    "kv_cache",
                                  "threads", "max_batch_size", "prefill_chunk"};

struct Csv {
  std::string file;
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;

  std::size_t column(const std::string& name) const {
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
      throw std::runtime_error(file + ": the column " + name + " is missing");
    return std::size_t(found - names.begin());
  }
};

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      found.emplace_back();
    else
      found.back() += c;
  }
  return found;
}

Csv read_csv(const std::string& file) {
  std::ifstream in(file);
  Csv csv{.file = file};
  std::string line;
  if (!std::getline(in, line)) throw std::runtime_error(file + ": there is no such file");
  csv.names = cells(line);
  while (std::getline(in, line)) {
    csv.rows.push_back(cells(line));
    if (csv.rows.back().size() != csv.names.size())
      throw std::runtime_error(file + ':' + std::to_string(csv.rows.size() + 1) + ": found " +
                               std::to_string(csv.rows.back().size()) + " values, wanted " +
                               std::to_string(csv.names.size()));
  }
  return csv;
}

// Values of every knob in the order of their choices: numbers by size, names as they come.
std::vector<std::vector<std::string>> choices_of(const Csv& csv) {
  std::vector<std::vector<std::string>> choices;
  for (const char* knob : kKnobs) {
    const std::size_t column = csv.column(knob);
    std::vector<std::string>& of_knob = choices.emplace_back();
    for (const auto& row : csv.rows) {
      if (row[0] != "0" && std::ranges::find(of_knob, row[column]) == of_knob.end())
        of_knob.push_back(row[column]);
    }
    if (std::ranges::all_of(of_knob, [](const std::string& s) { return std::isdigit(s[0]); }))
      std::ranges::sort(of_knob, {}, [](const std::string& s) { return std::stoi(s); });
  }
  return choices;
}

Point point_of(const Csv& csv, const std::vector<std::string>& row,
               const std::vector<std::vector<std::string>>& choices) {
  Point point;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto found = std::ranges::find(choices[i], row[csv.column(kKnobs[i])]);
    point.push_back(found == choices[i].end() ? -1 : int(found - choices[i].begin()));
  }
  return point;
}

// By row, how much slower the machine was than usual.
std::vector<double> drift(const Csv& csv) {
  const std::size_t config = csv.column("config"), rate = csv.column("output tokens/s");
  std::vector<double> canary;
  std::vector<std::size_t> last;  // index into canary
  for (const auto& row : csv.rows) {
    if (row[config] == "0") canary.push_back(std::stod(row[rate]));
    last.push_back(canary.empty() ? 0 : canary.size() - 1);
  }
  const double usual = median(canary);
  std::vector<double> smoothed;
  for (std::size_t i = 0; i < canary.size(); ++i) {
    const std::size_t begin = i - std::min<std::size_t>(i, kNeighbours),
                      end = std::min(canary.size(), i + kNeighbours + 1);
    smoothed.push_back(usual / median({canary.begin() + std::ptrdiff_t(begin),
                                       canary.begin() + std::ptrdiff_t(end)}));
  }
  std::vector<double> slower;
  for (const std::size_t i : last) slower.push_back(smoothed[i]);
  return slower;
}

}  // namespace

MeasuredSpace read_replayed_space(const std::string& folder) {
  const Csv speed = read_csv(folder + "/speed.csv"), quality = read_csv(folder + "/quality.csv");
  const auto choices = [&] {
    Csv configs = speed;
    const std::size_t config = speed.column("config");
    std::erase_if(configs.rows, [&](const auto& row) { return row[config] == "0"; });
    return choices_of(configs);
  }();
  std::map<std::vector<std::string>, Mean> kl;
  for (const auto& row : quality.rows)
    kl[{row[0], row[1], row[2]}] = {std::stod(row[quality.column("kl_divergence")]),
                                    std::stod(row[quality.column("kl_standard_error")])};

  MeasuredSpace result{.n_times = 2};  // cost, TPOT; not KL
  for (const auto& of_knob : choices) {
    result.space.n_choices.push_back(int(of_knob.size()));
    result.space.ordinal.push_back(std::isdigit(static_cast<unsigned char>(of_knob[0][0])) != 0);
  }
  const std::vector<double> slower = drift(speed);
  const std::size_t config = speed.column("config"), rate = speed.column("output tokens/s"),
                    tpot = speed.column("TPOT p50 ms"), weights = speed.column("weights");
  for (std::size_t i = 0; i < speed.rows.size(); ++i) {
    const auto& row = speed.rows[i];
    if (row[config] == "0") continue;
    auto& times = result.times[point_of(speed, row, choices)];
    times.resize(3);
    times[0].push_back(1 / std::stod(row[rate]) / slower[i]);
    times[1].push_back(std::stod(row[tpot]) / slower[i]);
    const Mean& loss = kl.at({row[weights], row[weights + 1], row[weights + 2]});
    times[2].push_back(std::max(0.0, loss.value) + kKlResolution);
    result.spread[point_of(speed, row, choices)] = {0, 0, k95 * loss.standard_error};
  }
  for (const auto& [point, times] : result.times) {
    for (const auto& repetitions : times)
      result.scores[point].push_back(std::log(median(repetitions)));
  }
  if (std::filesystem::exists(folder + "/prior.csv")) {
    const Csv prior = read_csv(folder + "/prior.csv");
    for (const auto& row : prior.rows) {
      result.prior[point_of(prior, row, choices)] = {
          1 / std::stod(row[prior.column("output tokens/s")]),
          std::stod(row[prior.column("TPOT p50 ms")]),
          std::stod(row[prior.column("kl_divergence")]) + kKlResolution};
    }
  }
  // What means the same as a measured one, or is not of the space.
  result.space.canonical = [scores = result.scores,
                            n = result.space.n_choices[1]](const Point& p) -> std::optional<Point> {
    if (scores.contains(p)) return p;
    Point other = p;
    for (other[1] = 0; other[1] < n; ++other[1])  // a cast that these weights do not know
      if (scores.contains(other)) return other;
    return std::nullopt;
  };
  result.alike = [](const Point& p) { return PointHash{}({p[0], p[1], p[2]}); };
  find_front(result);
  return result;
}

}  // namespace paretune
