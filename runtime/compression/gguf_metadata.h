// What a GGUF file says of a model beside its tensors, for models that come from other formats.
#pragma once

#include <string>
#include <vector>

#include "runtime/model/gguf_writer.h"
#include "runtime/model/model_source.h"

namespace paretune {

// Hyper-parameters, tokenizer and chat template, in llama.cpp's keys. Throws std::runtime_error
// "<path>: ..." for what GGUF has no keys for.
GgufPairs gguf_metadata(const ModelSource& source);

// The key of a dense MLP's width, or of one expert's.
std::string gguf_width_key(const ModelShape& shape);

// (head_dim / 2) What RoPE's frequencies are divided by ("rope_freqs.weight"); empty: they are as
// theta and a linear factor among the metadata say.
std::vector<float> rope_divisors(const ModelShape& shape);

// A score for each token of SentencePiece's kind whose file lists merges alone: the better, the
// earlier its first merge. Readers of scores also join pairs that no merge lists, so they may cut
// a text otherwise; our own reader finds the merges beside them (kGgufMergesKey).
std::vector<float> scores_of_merges(const TokenizerData& data);

}  // namespace paretune
