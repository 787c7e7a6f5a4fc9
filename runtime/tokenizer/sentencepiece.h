// SentencePiece's BPE (Llama 1 and 2, Mistral, TinyLlama): spaces become "▁", the text starts as
// its characters, and neighbours are joined while what they make is in the vocabulary, the highest
// score first. Characters that are not in the vocabulary become byte tokens ("<0x0A>"), or the
// unknown token where there are none. Source:
// github.com/google/sentencepiece/blob/master/src/bpe_model.cc.
//
// Hugging Face writes the same tokenizer as a list of merges without scores; then the merges
// decide, by rank.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>

#include "runtime/model/tokenizer_data.h"
#include "runtime/tokenizer/byte_level_bpe.h"
#include "runtime/tokenizer/merge.h"
#include "runtime/tokenizer/text_encoder.h"

namespace paretune {

inline constexpr std::string_view kSpaceMark = "▁";  // U+2581

// The byte of "<0x0A>"; nullopt if the token is not written so.
std::optional<unsigned char> byte_of_token(std::string_view token);

class SentencePiece final : public TextEncoder {
 public:
  // Throws std::runtime_error if there are neither scores nor merges, or a score is not a number.
  explicit SentencePiece(const TokenizerData& data);
  void encode(std::string_view text, std::vector<int>& ids) const override;

 private:
  int find_piece(std::string_view piece) const;  // -1: none

  std::unordered_map<std::string_view, int> pieces_;  // keys lie in texts_
  std::vector<std::string> texts_;
  std::size_t longest_ = 0;             // bytes
  std::vector<float> scores_;           // one per token, or empty:
  std::unique_ptr<MergeRanks> merges_;  // then these
  std::array<int, 256> byte_ids_;       // -1: not in the vocabulary
  int unk_id_;
  bool add_space_prefix_;
};

}  // namespace paretune
