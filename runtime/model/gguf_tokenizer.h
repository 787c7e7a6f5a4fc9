// tokenizer.ggml.* of a GGUF file as TokenizerData.
#pragma once

#include <string_view>

#include "runtime/model/gguf.h"
#include "runtime/model/tokenizer_data.h"

namespace paretune {

// Ours: merges of SentencePiece's kind, for a vocabulary that came without scores; they go before
// tokenizer.ggml.scores, which other readers need.
inline constexpr std::string_view kGgufMergesKey = "paretune.tokenizer.merges";

// Whether tokenizers of this tokenizer.ggml.pre take whole words from the vocabulary whatever the
// merges (TokenizerData::ignore_merges).
bool takes_whole_words(std::string_view pre_tokenizer);

// Throws std::runtime_error if there is no tokenizer, if it is of a kind that is not supported (by
// name) or if lists and ids do not agree. Works on vocabulary-only files too.
TokenizerData read_gguf_tokenizer(const Gguf& gguf);

}  // namespace paretune
