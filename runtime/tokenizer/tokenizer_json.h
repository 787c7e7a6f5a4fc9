// Hugging Face's tokenizer.json: a normalizer, a pre-tokenizer, a BPE model, added tokens and a
// post-processor.
//
// Recognized are the combinations that the supported models use: byte-level BPE with the
// pre-tokenizers of kPreTokenizers (by the text of their regular expression), and SentencePiece's
// BPE ("▁" for a space, byte fallback). Everything else is refused by name with the list of what is
// supported.
#pragma once

#include <string_view>

#include "runtime/model/tokenizer_data.h"

namespace paretune {

// json: the file's content. file_name: for messages only. Throws std::runtime_error.
// BOS, EOS and padding are named in tokenizer_config.json, so here bos_id is known only where the
// post-processor adds it, and eos_id where it adds that.
TokenizerData parse_tokenizer_json(std::string_view json, std::string_view file_name);

}  // namespace paretune
