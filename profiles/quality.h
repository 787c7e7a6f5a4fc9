// Quality of a deployment, measured through the kernels, cache and batching that serve it.
//
// Text: KL(full precision || this) of the next-token distribution, the fraction of tokens whose
// most likely continuation is the same, and the ratio of perplexities; each with a standard error
// clustered by document, as tokens of one depend on each other. Questions: answers generated
// greedily in one continuously batched run, or choices by log-likelihood, graded by the workload's
// graders, with the items that broke or mended against full precision.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "profiles/measurement.h"
#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "profiles/question_scores.h"
#include "profiles/statistics.h"
#include "profiles/text_comparison.h"
#include "runtime/deploy_config.h"

namespace paretune {

struct LoadedModel;

// Weights as the file stores them, activations and KV cache in f32; the rest as default_config.
DeployConfig full_precision_config(const Target& target);

// model: loaded with config, which is full_precision_config of its target. Throws
// std::runtime_error if the model's logits are not finite.
QualityReference measure_reference(const LoadedModel& model, const DeployConfig& config,
                                   const QualityPlan& plan,
                                   std::size_t max_bytes = std::size_t{256} << 20);

// model: loaded with config. reference: of the same plan. Of config's knobs it enlarges the batch
// and the KV cache as the questions need. Throws as above.
Quality measure_quality(const LoadedModel& model, const DeployConfig& config,
                        const QualityPlan& plan, const QualityReference& reference);

// Fills kl_added_by_decoding, which is of config's kernels and batch, on a few of the plan's texts.
// Throws as above.
void measure_decoding(const LoadedModel& model, const DeployConfig& config, const QualityPlan& plan,
                      const QualityReference& reference, Quality& quality);

// Documents, or the beginnings of long ones, spread over the plan that together predict about
// max_tokens, the same ones for every config: two samples are compared pair by pair.
TextSample sample_text(const LoadedModel& model, const DeployConfig& config,
                       const QualityPlan& plan, const QualityReference& reference,
                       std::size_t max_tokens);

// By question of the plan.
std::vector<QuestionScore> score_questions(const LoadedModel& model, const DeployConfig& config,
                                           const QualityPlan& plan);

// The knobs that quality depends on, as canonical JSON. config: canonical.
std::string quality_signature(const DeployConfig& config);

// Key of the memo of qualities (Store::find_blob, put_blob).
std::string quality_key(const std::string& model_hash, const DeployConfig& config,
                        const std::string& plan_hash, const std::string& build);

}  // namespace paretune
