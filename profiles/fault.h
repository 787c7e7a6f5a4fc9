// Whether what a config loses is the rounding that it asks for, or a fault of the code that runs
// it: the same weights by other kernels lose as much where all is well.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "profiles/quality_plan.h"
#include "profiles/quality_reference.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;
struct TextSample;

// Runs a sample of the plan's text by the config, then by other matrix kernels, by another
// attention kernel and, where it has one, without its compensation. In words, which of these takes
// most of the loss away, as "the matrix kernels: …", or that the compensation saves nothing, which
// one that is added twice does not: it leaves an error as large as it found. "": nothing is at
// fault. packs: may be null.
std::string find_fault(const std::function<std::unique_ptr<ModelSource>()>& open,
                       const DeployConfig& config, const KernelTable& kernels, PackCache* packs,
                       const QualityPlan& plan, const QualityReference& reference);

// The same, of what a config makes of the same text.
std::string find_fault(const DeployConfig& config, const KernelTable& kernels,
                       const std::function<TextSample(const DeployConfig&)>& sample);

}  // namespace paretune
