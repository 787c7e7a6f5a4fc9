// Tokenizers that the tests share.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/model/gguf.h"
#include "runtime/model/gguf_tokenizer.h"
#include "runtime/model/mapped_file.h"
#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/tokenizer.h"
#include "runtime/tokenizer/utf8.h"

namespace paretune {

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline TokenizerData gguf_tokenizer_data(const std::filesystem::path& path) {
  const MappedFile file(path);
  return read_gguf_tokenizer(Gguf(file.bytes(), path.string()));
}

// Byte-level BPE whose tokens are the 256 bytes (id = byte), then these: merged ones by their
// merges "left right", then control tokens. Every id can be worked out by hand.
inline TokenizerData byte_level(std::string pre_tokenizer, std::vector<std::string> merges = {},
                                std::vector<std::string> control = {}) {
  TokenizerData data;
  data.kind = TokenizerData::Kind::bpe;
  data.pre_tokenizer = std::move(pre_tokenizer);
  for (int byte = 0; byte < 256; ++byte) {
    std::string token;
    append_utf8(token, byte_to_character(static_cast<unsigned char>(byte)));
    data.tokens.push_back(token);
  }
  for (const std::string& merge : merges) {
    const std::size_t blank = merge.find(' ');
    data.tokens.push_back(merge.substr(0, blank) + merge.substr(blank + 1));
  }
  data.merges = std::move(merges);
  data.token_types.assign(data.tokens.size(), TokenizerData::kNormal);
  for (std::string& token : control) {
    data.tokens.push_back(std::move(token));
    data.token_types.push_back(TokenizerData::kControl);
  }
  return data;
}

// SentencePiece with byte tokens: 0 <unk>, 1 <s>, 2 </s>, 3 to 258 the bytes, then the pieces, the
// first with the best score.
inline TokenizerData sentencepiece(std::vector<std::string> pieces) {
  TokenizerData data;
  data.kind = TokenizerData::Kind::sentencepiece;
  data.tokens = {"<unk>", "<s>", "</s>"};
  data.token_types = {TokenizerData::kUnknown, TokenizerData::kControl, TokenizerData::kControl};
  for (int byte = 0; byte < 256; ++byte) {
    constexpr const char* kDigits = "0123456789ABCDEF";
    data.tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
    data.token_types.push_back(TokenizerData::kByte);
  }
  data.scores.assign(data.tokens.size(), 0);
  for (std::string& piece : pieces) {
    data.scores.push_back(-static_cast<float>(data.tokens.size()));
    data.tokens.push_back(std::move(piece));
    data.token_types.push_back(TokenizerData::kNormal);
  }
  data.unk_id = 0;
  data.bos_id = 1;
  data.eos_id = 2;
  data.add_bos = true;
  return data;
}

}  // namespace paretune
