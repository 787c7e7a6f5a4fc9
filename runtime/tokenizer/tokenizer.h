// A model's tokenizer: text into token ids and back.
//
// Special tokens come from templates only. encode() takes a user's text and never yields a control
// token, whatever is written in it; who composes a prompt asks special_token() for the ids of its
// markers (runtime/chat/encode_chat.h). Tokens that the model's authors call user-defined (Qwen's
// <think>, runs of spaces) are vocabulary, not control: text yields them, as it does in Hugging
// Face and llama.cpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/tokenizer_data.h"

namespace paretune {

class TextEncoder;
class TokenTable;

class Tokenizer {
 public:
  // Throws std::runtime_error where the data contradict themselves or name an unsupported
  // pre-tokenizer (the message lists the supported ones).
  explicit Tokenizer(TokenizerData data);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Text as a user wrote it; bytes that are not UTF-8 are encoded as bytes. Adds no BOS or EOS.
  std::vector<int> encode(std::string_view text) const;

  // A whole prompt: BOS if the model wants it, the text, EOS if the model wants it.
  std::vector<int> encode_prompt(std::string_view text) const;

  // The text of a whole prompt or document: control tokens are skipped, and the space that
  // SentencePiece puts before the first word is dropped. For a continuation, in pieces, use
  // StreamDecoder, which keeps that space.
  std::string decode(std::span<const int> ids) const;

  // The bytes that a token adds to the output, not always whole characters; "" for control tokens.
  const std::string& token_bytes(int id) const;

  // The token as the vocabulary writes it ("<|im_end|>", "Ġthe").
  const std::string& token_text(int id) const;

  // The control, unknown or user-defined token written exactly so.
  std::optional<int> special_token(std::string_view literal) const;

  // The longest special token that text starts with. For text from templates only.
  struct SpecialMatch {
    int id;
    std::size_t bytes;
  };
  std::optional<SpecialMatch> special_token_at(std::string_view text) const;

  bool is_control(int id) const;            // a marker, not text
  bool is_end_of_generation(int id) const;  // EOS, or an end of turn such as <|eot_id|>
  int vocab_size() const;
  int bos_id() const { return bos_id_; }  // -1: none
  int eos_id() const { return eos_id_; }  // -1: none
  bool adds_bos() const { return add_bos_; }
  TokenizerData::Kind kind() const { return kind_; }

 private:
  TokenizerData::Kind kind_;
  int bos_id_;
  int eos_id_;
  bool add_bos_;
  bool add_eos_;
  bool strip_leading_space_;
  std::unique_ptr<const TokenTable> table_;
  std::unique_ptr<const TextEncoder> encoder_;
};

}  // namespace paretune
