// A compressed model as a GGUF file that llama.cpp loads too: codes as a policy's methods made
// them, in tensor types that hold them exactly, with the recipe inside ("paretune.*" keys).
//
// What cannot be held exactly is refused by name: other formats, compensation, models that are not
// one GGUF file, experts. Served from such a file, a policy of the same formats takes its codes as
// they are. The same inputs give the same bytes.
#pragma once

#include <filesystem>

#include "runtime/compression/packed_export.h"
#include "runtime/compression/policy.h"

namespace paretune {

class PackCache;

// from: a GGUF file. packs: where the calibration is found and kept, if anywhere. texts: a text
// file to calibrate on; "": the model's own samples. Throws std::runtime_error naming the tensor,
// what was found and what is allowed; to is then left as it was.
ExportedModel export_gguf(const std::filesystem::path& from, const Policy& policy,
                          const std::filesystem::path& to, PackCache* packs,
                          const std::filesystem::path& texts = {});

}  // namespace paretune
