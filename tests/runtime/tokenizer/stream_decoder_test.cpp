#include "runtime/tokenizer/stream_decoder.h"

#include <gtest/gtest.h>

#include "tests/runtime/tokenizer/samples.h"

namespace paretune {
namespace {

const Tokenizer& bytes() {  // token id = byte
  static const Tokenizer tokenizer(byte_level("gpt-2", {}, {"<|end|>"}));
  return tokenizer;
}

TEST(StreamDecoder, HoldsBackACharacterUntilItIsWhole) {
  StreamDecoder decoder(bytes());
  EXPECT_EQ(decoder.push('a'), "a");
  EXPECT_EQ(decoder.push(0xF0), "");
  EXPECT_EQ(decoder.push(0x9F), "");
  EXPECT_EQ(decoder.push(256), "");  // a control token adds nothing
  EXPECT_EQ(decoder.push(0xA6), "");
  EXPECT_EQ(decoder.push(0x99), "🦙");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, ReplacesWhatCannotBecomeACharacter) {
  StreamDecoder decoder(bytes());
  EXPECT_EQ(decoder.push(0xFF), "\uFFFD");
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push('b'), "\uFFFDb");
  EXPECT_EQ(decoder.push(0xC0), "\uFFFD");  // overlong
  EXPECT_EQ(decoder.push(0xED), "");
  EXPECT_EQ(decoder.push(0xA0), "\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(decoder.push(0xE2), "");
  EXPECT_EQ(decoder.push(0x96), "");
  EXPECT_EQ(decoder.finish(), "\uFFFD");
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, KeepsTheSpaceOfASentencePieceContinuation) {
  const Tokenizer tokenizer(sentencepiece({"▁a"}));
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.push(259), " a");
}

}  // namespace
}  // namespace paretune
