// Token ids into text as they are generated: a character split over tokens is held back until it is
// whole.
#pragma once

#include <string>

#include "runtime/tokenizer/tokenizer.h"

namespace paretune {

class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  // The text that this token completes: valid UTF-8, perhaps empty. Bytes that can no longer become
  // a character are replaced by U+FFFD, one for each maximal ill-formed part (Unicode 15,
  // section 3.9, as browsers do).
  std::string push(int id);

  // What is still held back, as U+FFFD. The decoder is then as new.
  std::string finish();

 private:
  const Tokenizer* tokenizer_;
  std::string held_;  // the start of a character, at most 3 bytes
};

}  // namespace paretune
