// Two models' predictions of one text, token by token: KL divergence, same top 1, perplexities.
// Pure functions of logits.
#pragma once

#include <span>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_reference.h"

namespace paretune {

// logits and out: (vocab_size). Sums in double. False: the logits hold an infinity or are not
// numbers.
bool log_softmax(std::span<const float> logits, std::span<float> out);

// Adds the row for one predicted token. logprobs: (reference.vocab_size) of log_softmax. target:
// the token that follows.
void append_row(QualityReference& reference, std::span<const float> logprobs, int target);

struct TokenComparison {
  double kl_divergence = 0;
  bool same_top1 = true;
  double nats = 0;            // -ln p of the token that follows
  double reference_nats = 0;  // likewise at full precision
};

TokenComparison compare_token(const QualityReference& reference, std::size_t row,
                              std::span<const float> logprobs, int target);

// Fills the text part of a Quality. tokens: document after document; document_tokens: how many each
// has; sources: what each is of (QualityPlan::sources), by which errors are clustered unless all
// are of one: then by document.
void summarize_text(std::span<const TokenComparison> tokens, std::span<const int> document_tokens,
                    std::span<const int> sources, Quality& quality);

}  // namespace paretune
