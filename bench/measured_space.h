// A space that others measured in full, on several devices: a configuration's scores are its times
// on some of them, so the exact front is known, the recorded repetitions are real noise, and the
// other devices' times are an imperfect prior.
//
// Format T4 of the Auto-Tuning Association: "results", each with a "configuration", an
// "invalidity" and "times.runtimes".
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "search/strategy.h"

namespace paretune {

struct MeasuredSpace {
  Space space;
  std::map<Point, std::vector<std::vector<double>>> times;  // per objective: repetitions, warm
  // Per objective: half of the 95 % interval, where the repetitions do not tell it; 0: they do.
  std::map<Point, std::vector<double>> spread;
  std::map<Point, Scores> scores;  // logarithm of the median time per objective
  std::map<Point, Scores> prior;   // of another device per objective, as a time; not of every point
  std::vector<Scores> front;       // of the scores
  Scores reference;                // the front's nadir and a tenth of its range
  int n_times = 3;                 // the first so many objectives depend on the machine
  std::function<std::uint64_t(const Point&)> alike;  // a key of what the others depend on
  // What the second objective may be at most, as a time; infinite: anything.
  double limit = std::numeric_limits<double>::infinity();
  bool feasible = true;  // something meets the limit

  bool meets(const Scores& true_scores) const { return true_scores[1] <= std::log(limit); }
};

// folder: with <device>_T4.json.gz. The points are the configurations that are valid on all
// devices; others are repaired to the nearest of these, in steps of choices. Throws
// std::runtime_error where a file does not read.
MeasuredSpace read_measured_space(const std::string& folder,
                                  const std::vector<std::string>& devices,
                                  const std::vector<std::string>& prior_devices);

// Fills front and reference from the scores: of what meets the limit, or of all where nothing does.
void find_front(MeasuredSpace& measured);

// Sets the limit that so large a share of the points meets: below 1; 0: half of what the least has.
void limit(MeasuredSpace& measured, double share);

// Every point twice, told apart by another dimension that changes nothing.
void double_points(MeasuredSpace& measured);

// Takes the points away that fail and finds the front of the rest. They stay in the space.
void fail(MeasuredSpace& measured, const std::vector<Point>& failing);

}  // namespace paretune
