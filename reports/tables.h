// The tables of a report, as text. HTML and Markdown print the same ones.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "optimizer/study.h"
#include "reports/table.h"

namespace paretune {

Table workload_table(const Study& study);
Table picks_table(const Study& study);
Table front_table(const Study& study);
Table limits_table(const Study& study);        // what each costs
Table effects_table(const Study& study);       // of knobs
Table verification_table(const Study& study);  // promised, verified, difference
Table cost_table(const Study& study);          // the formula with the numbers of each pick
Table latency_table(
    const Study& study);  // each metric and percentile of the recommended and the default config
Table rate_table(const Study& study);        // the rates tried with the recommended config
Table quality_table(const Study& study);     // of the picks
Table capability_table(const Study& study);  // of the picks
Table gate_table(const Study& study);        // of the configs that verification tested
Table capability_front_table(const Study& study);
Table ladder_table(const Study& study);  // capabilities as weights get fewer bits
Table policy_table(const Study& study);  // of the recommended config
Table sensitivity_table(const Study& study);
Table layer_loss_table(const Study& study);  // of spans of layers of each kind
Table knob_loss_table(const Study& study);   // of activations and KV cache
Table prediction_table(const Study& study);
Table prediction_error_table(const Study& study);  // by metric
Table predicted_trials_table(const Study& study);  // predicted beside measured
Table trials_table(const Study& study);
Table failures_table(const Study& study);
Table knobs_table(const Study& study);
Table space_table(const Study& study);
Table kernels_table(const Study& study);  // plans of the recommended config, beside the default's
Table manifest_table(const Study& study);

struct Definition {
  std::string_view term, meaning;
};
std::vector<Definition> definitions();

// The trials that picks name, each once, in the order of the picks.
std::vector<const Trial*> picked_trials(const Study& study);

}  // namespace paretune
