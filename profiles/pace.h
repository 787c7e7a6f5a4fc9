// How long things take where nothing was measured yet: orders of magnitude, from the model's size
// and the number of cores alone, so that a study run again decides the same. They only say what is
// too much for a budget.
#pragma once

#include "runtime/compression/policy.h"
#include "runtime/target.h"

namespace paretune {

// Of one token through the model, prefilled or decoded in a batch: at full precision, and as it is
// served.
double assumed_reference_token_seconds(const Target& target);
double assumed_served_token_seconds(const Target& target);

// Of gathering statistics of the model's inputs: sampling texts from the model and running them.
double assumed_calibration_seconds(const Target& target);

// Of making the packed weights of the whole model: reading and rounding, or what the method does
// beyond that.
double assumed_pack_seconds(const Treatment& treatment, const Target& target);

// The treatment, by HQQ instead of a calibrated method or to the nearest instead of by HQQ where
// the target's pack_seconds calls for it; a compensation goes first.
Treatment affordable(Treatment treatment, const Target& target);

}  // namespace paretune
