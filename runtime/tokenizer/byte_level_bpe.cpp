#include "runtime/tokenizer/byte_level_bpe.h"

#include <stdexcept>

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/utf8.h"

namespace paretune {
namespace {

std::uint64_t pair_key(int left, int right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

const PreTokenizer& pre_tokenizer_of(const TokenizerData& data) {
  const PreTokenizer* row = find_pre_tokenizer(data.pre_tokenizer);
  if (!row) {
    throw std::runtime_error((data.pre_tokenizer.empty()
                                  ? std::string("the tokenizer does not name its pre-tokenizer")
                                  : "unsupported pre-tokenizer \"" + data.pre_tokenizer + "\"") +
                             "; supported: " + pre_tokenizer_names());
  }
  return *row;
}

}  // namespace

MergeRanks::MergeRanks(const TokenizerData& data) {
  std::unordered_map<std::string_view, int> ids;
  ids.reserve(data.tokens.size());
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    ids.insert_or_assign(data.tokens[id], static_cast<int>(id));
  }
  ranks_.reserve(data.merges.size());
  std::string joined;
  for (std::size_t rank = 0; rank < data.merges.size(); ++rank) {
    const std::string_view merge = data.merges[rank];
    const auto refuse = [&](std::string_view why) {
      throw std::runtime_error("merges[" + std::to_string(rank) + "] \"" + std::string(merge) +
                               "\": " + std::string(why));
    };
    // No token of these vocabularies holds a space, but one may be in first place of a damaged
    // file.
    const std::size_t blank = merge.find(' ', 1);
    if (blank == std::string_view::npos || blank + 1 == merge.size()) {
      refuse("expected two tokens with a space between");
    }
    joined.assign(merge.substr(0, blank)).append(merge.substr(blank + 1));
    const auto left = ids.find(merge.substr(0, blank));
    const auto right = ids.find(merge.substr(blank + 1));
    const auto whole = ids.find(joined);
    if (left == ids.end() || right == ids.end() || whole == ids.end()) {
      refuse("both tokens and what they make must be in the vocabulary");
    }
    ranks_.try_emplace(pair_key(left->second, right->second),
                       Rank{static_cast<int>(rank), whole->second});
  }
}

std::optional<Join> MergeRanks::find(int left, int right) const {
  const auto found = ranks_.find(pair_key(left, right));
  if (found == ranks_.end()) return std::nullopt;
  return Join{static_cast<double>(found->second.rank), found->second.id};
}

ByteLevelBpe::ByteLevelBpe(const TokenizerData& data)
    : pre_tokenizer_(&pre_tokenizer_of(data)), merges_(data), unk_id_(data.unk_id) {
  byte_ids_.fill(-1);
  const bool keep_words = data.ignore_merges || pre_tokenizer_->ignore_merges;
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    if (data.token_types[id] != TokenizerData::kNormal) continue;
    const std::string bytes = bytes_of_token(data.tokens[id]);
    if (bytes.size() == 1) byte_ids_[static_cast<unsigned char>(bytes[0])] = static_cast<int>(id);
    if (keep_words) words_.insert_or_assign(bytes, static_cast<int>(id));
  }
}

void ByteLevelBpe::encode(std::string_view text, std::vector<int>& ids) const {
  std::string normalized;
  if (pre_tokenizer_->nfc) text = normalized = nfc(text);

  const std::vector<Character> characters = characters_of(text);
  std::vector<std::size_t> ends;
  pre_tokenizer_->split(characters, ends);

  std::vector<Symbol> symbols;
  std::size_t begin = 0;
  for (std::size_t end : ends) {
    const std::size_t bytes_end = end < characters.size() ? characters[end].begin : text.size();
    encode_word(text.substr(begin, bytes_end - begin), symbols, ids);
    begin = bytes_end;
  }
}

void ByteLevelBpe::encode_word(std::string_view word, std::vector<Symbol>& symbols,
                               std::vector<int>& ids) const {
  if (!words_.empty()) {
    if (const auto whole = words_.find(std::string(word)); whole != words_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  symbols.clear();
  for (std::size_t i = 0; i < word.size(); ++i) {
    append_symbol(symbols, byte_ids_[static_cast<unsigned char>(word[i])], i, 1);
  }
  merge_symbols(symbols, [&](const Symbol& a, const Symbol& b) -> std::optional<Join> {
    if (a.id < 0 || b.id < 0) return std::nullopt;
    return merges_.find(a.id, b.id);
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.length == 0) continue;
    const int id = symbol.id >= 0 ? symbol.id : unk_id_;
    if (id >= 0) ids.push_back(id);
  }
}

}  // namespace paretune
