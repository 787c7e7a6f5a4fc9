// A compressed model as a GGUF file that llama.cpp loads too: codes as a config's methods made
// them, in tensor types that hold them exactly, with the recipe inside ("paretune.*" keys). Of a
// GGUF file the metadata stay as they are, but for what tells of its bytes.
//
// What cannot be held exactly is refused by name: other formats, outliers and compensation, rows
// pruned whole. Served from such a file, a policy of the same formats takes its codes as they are.
// The same inputs give the same bytes.
#pragma once

#include <filesystem>
#include <memory>

#include "runtime/compression/packed_export.h"

namespace paretune {

// As export_packed.
ExportedModel export_gguf(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                          const std::filesystem::path& to, PackCache* packs);

}  // namespace paretune
