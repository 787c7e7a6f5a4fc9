// What somebody who has texts of his own wants compression to be calibrated on, as token ids: read
// from a file beside the deployment, so that another machine packs the same weights.
//
//   {"schema": "paretune.calibration/1", "sequences": [[1, 5, …], …]}
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/model/model_source.h"
#include "runtime/tokenizer/tokenizer.h"

namespace paretune {

using TokenSequences = std::vector<std::vector<int>>;

// At most Calibration::kSequences * kTokens tokens of the documents, in windows of kTokens at most:
// every document gives its first window before any gives its second.
TokenSequences calibration_windows(std::span<const std::vector<int>> documents, int max_seq_len);

// Of a text file, whole, cut into documents at blank lines. Throws std::runtime_error.
TokenSequences read_calibration_text(const std::filesystem::path& file, const Tokenizer& tokenizer,
                                     int max_seq_len);

std::string calibration_hash(const TokenSequences& sequences);  // 32 hex digits
std::string to_json(const TokenSequences& sequences);
// Throws std::runtime_error naming the file, what was found and what is allowed.
TokenSequences load_calibration_texts(const std::filesystem::path& file);

// The model with calibration_texts() for it and all that is derived from it. sequences: where
// empty, the model as it was. Throws std::runtime_error naming a token that is none of the model's.
std::unique_ptr<ModelSource> calibrated_on(std::unique_ptr<ModelSource> source,
                                           TokenSequences sequences);

}  // namespace paretune
