#include "runtime/tokenizer/stream_decoder.h"

#include "runtime/tokenizer/utf8.h"

namespace paretune {

std::string StreamDecoder::push(int id) {
  held_ += tokenizer_->token_bytes(id);
  std::string text;
  std::size_t used = 0;
  while (used < held_.size()) {
    const Utf8Character c = decode_utf8(std::string_view(held_).substr(used));
    if (c.status == Utf8::truncated) break;
    append_utf8(text, c.value);
    used += c.bytes;
  }
  held_.erase(0, used);
  return text;
}

std::string StreamDecoder::finish() {
  std::string text;
  if (!held_.empty()) append_utf8(text, kReplacementCharacter);
  held_.clear();
  return text;
}

}  // namespace paretune
