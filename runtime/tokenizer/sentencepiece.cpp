#include "runtime/tokenizer/sentencepiece.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

#include "runtime/tokenizer/utf8.h"

namespace paretune {

std::optional<unsigned char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<unsigned char>(byte);
}

SentencePiece::SentencePiece(const TokenizerData& data)
    : texts_(data.tokens),
      scores_(data.scores),
      unk_id_(data.unk_id),
      add_space_prefix_(data.add_space_prefix) {
  if (scores_.empty()) {
    if (data.merges.empty()) {
      throw std::runtime_error("the SentencePiece vocabulary has neither scores nor merges");
    }
    merges_ = std::make_unique<MergeRanks>(data);
  }
  byte_ids_.fill(-1);
  pieces_.reserve(texts_.size());
  for (std::size_t id = 0; id < texts_.size(); ++id) {
    if (!scores_.empty() && std::isnan(scores_[id])) {
      throw std::runtime_error("the score of token " + std::to_string(id) + " is not a number");
    }
    const int type = data.token_types[id];
    if (type == TokenizerData::kByte) {
      if (const auto byte = byte_of_token(texts_[id])) byte_ids_[*byte] = static_cast<int>(id);
    } else if (type != TokenizerData::kControl && type != TokenizerData::kUnknown &&
               type != TokenizerData::kUnused && !texts_[id].empty()) {
      pieces_.insert_or_assign(texts_[id], static_cast<int>(id));
      longest_ = std::max(longest_, texts_[id].size());
    }
  }
}

int SentencePiece::find_piece(std::string_view piece) const {
  if (piece.size() > longest_) return -1;
  const auto found = pieces_.find(piece);
  return found == pieces_.end() ? -1 : found->second;
}

void SentencePiece::encode(std::string_view text, std::vector<int>& ids) const {
  if (text.empty()) return;
  std::string marked(add_space_prefix_ ? kSpaceMark : "");
  for (char c : text) {
    if (c == ' ') {
      marked += kSpaceMark;
    } else {
      marked += c;
    }
  }

  const std::string_view all = marked;
  std::vector<Symbol> symbols;
  for (std::size_t i = 0; i < all.size();) {
    const std::size_t length = decode_utf8(all.substr(i)).bytes;
    append_symbol(symbols, find_piece(all.substr(i, length)), i, length);
    i += length;
  }
  merge_symbols(symbols, [&](const Symbol& a, const Symbol& b) -> std::optional<Join> {
    if (merges_) return a.id < 0 || b.id < 0 ? std::nullopt : merges_->find(a.id, b.id);
    const int id = find_piece(all.substr(a.begin, a.length + b.length));
    if (id < 0) return std::nullopt;
    return Join{-static_cast<double>(scores_[id]), id};
  });

  bool after_unknown = false;  // neighbouring unknown characters make one unknown token
  for (const Symbol& symbol : symbols) {
    if (symbol.length == 0) continue;
    if (symbol.id >= 0) {
      ids.push_back(symbol.id);
      after_unknown = false;
      continue;
    }
    for (char c : all.substr(symbol.begin, symbol.length)) {
      const int byte_id = byte_ids_[static_cast<unsigned char>(c)];
      if (byte_id >= 0) {
        ids.push_back(byte_id);
        after_unknown = false;
      } else if (!after_unknown && unk_id_ >= 0) {
        ids.push_back(unk_id_);
        after_unknown = true;
      }
    }
  }
}

}  // namespace paretune
