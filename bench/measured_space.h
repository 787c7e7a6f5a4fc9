// A space that others measured in full, on several devices: a configuration's scores are its times
// on some of them, so the exact front is known, the recorded repetitions are real noise, and the
// other devices' times are an imperfect prior.
//
// Format T4 of the Auto-Tuning Association: "results", each with a "configuration", an
// "invalidity" and "times.runtimes".
#pragma once

#include <cstdint>
#include <functional>
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
};

// folder: with <device>_T4.json.gz. The points are the configurations that are valid on all
// devices; others are repaired to the nearest of these, in steps of choices. Throws
// std::runtime_error where a file does not read.
MeasuredSpace read_measured_space(const std::string& folder,
                                  const std::vector<std::string>& devices,
                                  const std::vector<std::string>& prior_devices);

// Fills front and reference from the scores.
void find_front(MeasuredSpace& measured);

// Takes the points away that fail and finds the front of the rest. They stay in the space.
void fail(MeasuredSpace& measured, const std::vector<Point>& failing);

}  // namespace paretune
