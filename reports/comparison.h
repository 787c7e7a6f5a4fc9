// Two trials side by side, of one study or of two.
#pragma once

#include <string>
#include <vector>

#include "optimizer/study.h"
#include "reports/table.h"

namespace paretune {

struct Compared {
  const Study& study;
  const Trial& trial;
  std::string name;  // the column's title
};

// The knobs that differ, with both values.
Table knob_comparison(const Compared& a, const Compared& b);

// What was measured of both, with 95 % intervals where there are any and whether these overlap;
// none where either did not run.
Table metric_comparison(const Compared& a, const Compared& b);

// In what the two are not comparable: another machine, model, workload, build; empty within a
// study.
std::vector<std::string> comparison_caveats(const Compared& a, const Compared& b);

}  // namespace paretune
