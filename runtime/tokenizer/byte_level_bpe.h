// Byte-level BPE (GPT-2, Llama 3, Qwen, SmolLM): a pre-tokenizer cuts words, a word starts as its
// bytes, and the pair that comes first in the list of merges is joined until none is left (Sennrich
// et al., arXiv:1508.07909).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "runtime/model/tokenizer_data.h"
#include "runtime/tokenizer/merge.h"
#include "runtime/tokenizer/pre_tokenizer.h"
#include "runtime/tokenizer/text_encoder.h"

namespace paretune {

// Merges by rank, keyed by the ids of the pair.
class MergeRanks {
 public:
  // Throws std::runtime_error if a merge is not "left right" or names a token that is not in the
  // vocabulary.
  explicit MergeRanks(const TokenizerData& data);
  std::optional<Join> find(int left, int right) const;

 private:
  struct Rank {
    int rank;
    int id;
  };
  std::unordered_map<std::uint64_t, Rank> ranks_;
};

class ByteLevelBpe final : public TextEncoder {
 public:
  explicit ByteLevelBpe(const TokenizerData& data);
  void encode(std::string_view text, std::vector<int>& ids) const override;

 private:
  void encode_word(std::string_view word, std::vector<Symbol>& symbols,
                   std::vector<int>& ids) const;

  const PreTokenizer* pre_tokenizer_;
  MergeRanks merges_;
  std::array<int, 256> byte_ids_;               // -1: not in the vocabulary
  int unk_id_;                                  // for such bytes; -1: they are dropped
  std::unordered_map<std::string, int> words_;  // by their bytes, if they come before merges
};

}  // namespace paretune
