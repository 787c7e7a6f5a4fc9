// A model packed as a config says, written as one file (model/packed_model.h): for every policy,
// smoothing and model that can be served. The same inputs give the same bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/deploy_config.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;

struct ExportedModel {
  std::uint64_t bytes = 0;
  std::string content_hash;    // XXH3-128 of the file, as ModelSource has it
  double bits_per_weight = 0;  // scales and compensation included: of all tensors in a GGUF, of the
                               // matrices in a packed file
};

// source: as calibrated_on leaves it, if somebody's texts are to be looked at. packs: where what is
// gathered of it is found and kept, if anywhere. Throws std::runtime_error; `to` is then left as it
// was.
ExportedModel export_packed(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                            const std::filesystem::path& to, PackCache* packs);

// What calibrated methods learn from, for people.
std::string calibration_text(const ModelSource& source);

}  // namespace paretune
