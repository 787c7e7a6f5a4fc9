#include "runtime/tokenizer/token_table.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/sentencepiece.h"

namespace paretune {
namespace {

using Data = TokenizerData;

// Control tokens that end a turn in the formats of the supported models, whether or not the file
// says so (Llama 3's names <|end_of_text|> as EOS, and chats end with <|eot_id|>). llama.cpp knows
// them by name too.
constexpr std::array<std::string_view, 8> kEndsOfTurn{
    "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|im_end|>", "<|endoftext|>",
    "<|end|>",    "</s>",       "<end_of_turn>"};

void check_id(const Data& data, int id, std::string_view name) {
  if (id < -1 || id >= static_cast<int>(data.tokens.size())) {
    throw std::runtime_error("the " + std::string(name) + " token is " + std::to_string(id) +
                             ", the vocabulary has " + std::to_string(data.tokens.size()) +
                             " tokens");
  }
}

void check_count(std::size_t count, const Data& data, std::string_view name) {
  if (count == 0 || count == data.tokens.size()) return;
  throw std::runtime_error("the vocabulary has " + std::to_string(data.tokens.size()) +
                           " tokens and " + std::to_string(count) + " " + std::string(name));
}

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
  if (data.tokens.empty()) throw std::runtime_error("the vocabulary is empty");
  check_count(data.token_types.size(), data, "token types");
  check_count(data.scores.size(), data, "scores");
  check_id(data, data.bos_id, "BOS");
  check_id(data, data.eos_id, "EOS");
  check_id(data, data.unk_id, "unknown");
  check_id(data, data.pad_id, "padding");
  data.token_types.resize(data.tokens.size(), Data::kNormal);

  std::vector<int> markers = data.eog_ids;
  markers.insert(markers.end(), {data.bos_id, data.eos_id});
  for (int id : markers) {
    check_id(data, id, "end-of-generation");
    if (id >= 0 && data.token_types[id] == Data::kNormal) data.token_types[id] = Data::kControl;
  }
  return data;
}

TokenTable::TokenTable(const TokenizerData& data) {
  tokens_.reserve(data.tokens.size());
  for (std::size_t id = 0; id < data.tokens.size(); ++id) {
    const std::string& text = data.tokens[id];
    const int type = data.token_types[id];
    const bool control = type == Data::kControl || type == Data::kUnknown;
    const bool ends_turn =
        type == Data::kControl &&
        std::find(kEndsOfTurn.begin(), kEndsOfTurn.end(), text) != kEndsOfTurn.end();
    tokens_.push_back({text, bytes_of(data, id), control, ends_turn});
    if (control || type == Data::kUserDefined) specials_.add(text, static_cast<int>(id));
    if (type == Data::kUserDefined) user_defined_.add(text, static_cast<int>(id));
  }
  for (int id : data.eog_ids) {
    if (id >= 0) tokens_[id].end_of_generation = true;
  }
  if (data.eos_id >= 0) tokens_[data.eos_id].end_of_generation = true;
}

}  // namespace paretune
