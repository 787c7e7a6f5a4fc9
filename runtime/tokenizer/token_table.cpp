#include "runtime/tokenizer/token_table.h"

#include <stdexcept>
#include <string_view>

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/sentencepiece.h"

namespace paretune {
namespace {

using Data = TokenizerData;

std::string bytes_of(const Data& data, std::size_t id) {
  const std::string& text = data.tokens[id];
  switch (data.token_types[id]) {
    case Data::kControl:
    case Data::kUnknown:
    case Data::kUnused:
      return "";
    case Data::kUserDefined:
      return text;
    case Data::kByte:
      if (const auto byte = byte_of_token(text)) return std::string(1, static_cast<char>(*byte));
      throw std::runtime_error("token " + std::to_string(id) + " \"" + text +
                               "\" is of type byte; expected \"<0x00>\" to \"<0xFF>\"");
    default:
      break;
  }
  if (data.kind == Data::Kind::bpe) return bytes_of_token(text);
  std::string bytes;
  for (std::size_t i = 0; i < text.size();) {
    const bool space = std::string_view(text).substr(i).starts_with(kSpaceMark);
    bytes += space ? ' ' : text[i];
    i += space ? kSpaceMark.size() : 1;
  }
  return bytes;
}

}  // namespace

TokenizerData checked(TokenizerData data) {
  finish_tokenizer(data, static_cast<int>(data.tokens.size()), "tokenizer");
  std::vector<int> markers = data.eog_ids;
  markers.push_back(data.bos_id);
  for (int id : markers) {
    if (id >= 0) data.token_types[id] = Data::kControl;
  }
  return data;
}

TokenTable::TokenTable(const TokenizerData& data) {
  tokens_.reserve(data.tokens.size());
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    const std::string& text = data.tokens[id];
    const int type = data.token_types[id];
    const bool control = type == Data::kControl || type == Data::kUnknown;
    tokens_.push_back({text, bytes_of(data, id), control, false});
    if (control || type == Data::kUserDefined) specials_.add(text, static_cast<int>(id));
    if (type == Data::kUserDefined) user_defined_.add(text, static_cast<int>(id));
  }
  for (int id : data.eog_ids) tokens_[id].end_of_generation = true;
}

}  // namespace paretune
