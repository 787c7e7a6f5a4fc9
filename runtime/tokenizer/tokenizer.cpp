#include "runtime/tokenizer/tokenizer.h"

#include <cassert>

#include "runtime/tokenizer/byte_level_bpe.h"
#include "runtime/tokenizer/sentencepiece.h"
#include "runtime/tokenizer/token_table.h"

namespace paretune {
namespace {

std::unique_ptr<const TextEncoder> make_encoder(const TokenizerData& data) {
  if (data.kind == TokenizerData::Kind::bpe) return std::make_unique<ByteLevelBpe>(data);
  return std::make_unique<SentencePiece>(data);
}

}  // namespace

Tokenizer::Tokenizer(TokenizerData raw) {
  const TokenizerData data = checked(std::move(raw));
  kind_ = data.kind;
  bos_id_ = data.bos_id;
  eos_id_ = data.eos_id;
  add_bos_ = data.add_bos && data.bos_id >= 0;
  add_eos_ = data.add_eos && data.eos_id >= 0;
  strip_leading_space_ = data.kind == TokenizerData::Kind::sentencepiece && data.add_space_prefix;
  table_ = std::make_unique<TokenTable>(data);
  encoder_ = make_encoder(data);
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<int> Tokenizer::encode(std::string_view text) const {
  std::vector<int> ids;
  std::size_t begin = 0;  // of the text not yet encoded
  if (!table_->user_defined().empty()) {
    for (std::size_t i = 0; i < text.size();) {
      const auto match = table_->user_defined().match_at_start(text.substr(i));
      if (!match) {
        ++i;
        continue;
      }
      encoder_->encode(text.substr(begin, i - begin), ids);
      ids.push_back(match->id);
      begin = i += match->bytes;
    }
  }
  encoder_->encode(text.substr(begin), ids);
  return ids;
}

std::vector<int> Tokenizer::encode_prompt(std::string_view text) const {
  std::vector<int> ids = encode(text);
  if (add_bos_) ids.insert(ids.begin(), bos_id_);
  if (add_eos_) ids.push_back(eos_id_);
  return ids;
}

std::string Tokenizer::decode(std::span<const int> ids) const {
  std::string text;
  for (int id : ids) text += token_bytes(id);
  if (strip_leading_space_ && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

const std::string& Tokenizer::token_bytes(int id) const {
  assert(id >= 0 && id < vocab_size() && "not a token of this vocabulary");
  return table_->tokens()[id].bytes;
}

const std::string& Tokenizer::token_text(int id) const {
  assert(id >= 0 && id < vocab_size() && "not a token of this vocabulary");
  return table_->tokens()[id].text;
}

std::optional<int> Tokenizer::special_token(std::string_view literal) const {
  return table_->specials().find(literal);
}

std::optional<Tokenizer::SpecialMatch> Tokenizer::special_token_at(std::string_view text) const {
  const auto match = table_->specials().match_at_start(text);
  if (!match) return std::nullopt;
  return SpecialMatch{match->id, match->bytes};
}

bool Tokenizer::is_control(int id) const {
  assert(id >= 0 && id < vocab_size() && "not a token of this vocabulary");
  return table_->tokens()[id].control;
}

bool Tokenizer::is_end_of_generation(int id) const {
  assert(id >= 0 && id < vocab_size() && "not a token of this vocabulary");
  return table_->tokens()[id].end_of_generation;
}

int Tokenizer::vocab_size() const { return static_cast<int>(table_->tokens().size()); }

}  // namespace paretune
