// What the kernel tuner found for the recommended config.
#include <cstdio>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

std::string microseconds_text(double seconds) { return number_text(seconds * 1e6) + " µs"; }

std::string plan_text(const KernelChoice& choice) {
  const MatmulPlan& plan = choice.plan;
  std::string text = cat(
      {plan.variant->family, ", ", std::to_string(plan.panel_block * 16), " columns at a time"});
  if (plan.row_block > 0) text += cat({", ", std::to_string(plan.row_block), " rows"});
  if (choice.key.m <= 16) {
    text += cat({", ", std::to_string(plan.walk.streams), " streams fetched ",
                 std::to_string(plan.walk.prefetch), " bytes ahead"});
  }
  if (plan.claimed) text += ", claimed";
  if (plan.row_shares > 1) text += cat({", rows shared by ", std::to_string(plan.row_shares)});
  return text;
}

}  // namespace

Table kernels_table(const Study& study) {
  Table table{.caption =
                  "Matrix kernels of the recommended config, tuned on this machine: time of "
                  "one product beside the "
                  "untuned default's, both timed in turns on all cores",
              .columns = {{"Product"},
                          {"Rows", true},
                          {"Default", true},
                          {"Tuned", true},
                          {"Faster", true},
                          {"Plan"}}};
  const Trial* trial = picked(study, "recommended");
  if (!trial) return table;
  const KernelTable used = used_by(study.kernels, trial->config, study.model);
  for (const KernelChoice& choice : used.choices()) {
    const KernelKey& key = choice.key;
    const bool same = choice.default_s == choice.tuned_s;
    table.rows.push_back(
        {.cells = {
             {cat({key.weights->name, " ", std::to_string(key.n), " × ", std::to_string(key.k)})},
             {std::to_string(key.m)},
             {microseconds_text(choice.default_s)},
             {microseconds_text(choice.tuned_s)},
             {same ? "the default" : times_text(choice.default_s / choice.tuned_s)},
             {plan_text(choice)}}});
  }
  return table;
}

}  // namespace paretune
