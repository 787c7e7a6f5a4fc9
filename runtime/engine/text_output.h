// Sampled tokens into the text that a client may see: whole characters only, and nothing of a stop
// string, however its characters are split over tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/stream_decoder.h"

namespace paretune {

// Lets text through up to the stop string that is complete first (of those, the one that began
// first). What comes out depends on the text alone, not on how it was cut into pieces.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops);  // none of them empty

  // What can be shown now: all but the longest end that may still become a stop string. After a
  // match, nothing.
  std::string push(std::string_view text);

  // What was held back and turned out not to be a stop string.
  std::string finish();

  bool matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;  // shorter than the longest stop string
  bool matched_ = false;
};

class TextOutput {
 public:
  // The tokenizer must outlive it.
  TextOutput(const Tokenizer& tokenizer, std::vector<std::string> stops)
      : decoder_(tokenizer), filter_(std::move(stops)) {}

  // The text that this token makes certain, perhaps none. After a stop string, always none: the
  // caller cancels the request.
  std::string push(int token) { return filter_.push(decoder_.push(token)); }

  // The rest, when no more tokens come. May itself complete a stop string.
  std::string finish();

  bool stopped() const { return filter_.matched(); }

 private:
  StreamDecoder decoder_;
  StopFilter filter_;
};

}  // namespace paretune
