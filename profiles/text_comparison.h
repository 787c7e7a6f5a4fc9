// Two models' predictions of one text, token by token: KL divergence, same top 1, perplexities.
// Pure functions of logits.
#pragma once

#include <span>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_reference.h"
#include "profiles/statistics.h"

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

// Errors are clustered by source unless all documents are of one: then by document.
struct TextSample {
  std::vector<TokenComparison> tokens;  // document after document
  std::vector<int> document_tokens;     // how many each has
  std::vector<int> sources;             // what each is of (QualityPlan::sources)
};

// Fills the text part of a Quality.
void summarize_text(const TextSample& sample, Quality& quality);

Mean mean_kl(const TextSample& sample);
// How much less the second loses than the first, of the same documents.
Mean kl_saved(const TextSample& before, const TextSample& after);

// Per document, which cluster it belongs to.
std::vector<int> text_clusters(std::span<const int> sources);

}  // namespace paretune
