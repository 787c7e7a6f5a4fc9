// The answer in plain words, before any plot: what to deploy, what it costs, how fast it is, what
// it loses, and whether that was verified.
#pragma once

#include <string>
#include <vector>

#include "optimizer/study.h"
#include "reports/table.h"

namespace paretune {

struct KeyNumber {
  std::string title;
  std::string value;
  std::string note;
  Mood mood = Mood::plain;
};

struct Decision {
  std::string headline;
  Mood mood = Mood::plain;
  std::vector<KeyNumber> numbers;  // at most four
  std::vector<std::string> sentences;
  std::string command;  // that serves it; "" where nothing is recommended
};
Decision decide(const Study& study);

// "3.4× cheaper (-71 %)"; "about the same (+1 %)" within 2 %. less, more: "cheaper", "dearer".
std::string comparison(double value, double base, std::string_view less, std::string_view more);

}  // namespace paretune
