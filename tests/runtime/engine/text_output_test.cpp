#include "runtime/engine/text_output.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace paretune {
namespace {

struct Shown {
  std::string text;
  bool matched = false;
  bool operator==(const Shown&) const = default;
};
void PrintTo(const Shown& shown, std::ostream* out) {
  *out << '"' << shown.text << '"' << (shown.matched ? " then a stop string" : "");
}

Shown show(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopFilter filter(stops);
  Shown shown;
  for (const std::string& piece : pieces) shown.text += filter.push(piece);
  shown.text += filter.finish();
  shown.matched = filter.matched();
  return shown;
}

// The rule, said slowly: the first position where a stop string ends; of those that end there, the
// longest.
Shown expected(const std::vector<std::string>& stops, const std::string& text) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return {text.substr(0, end - longest), true};
  }
  return {text, false};
}

TEST(StopFilter, LetsEverythingThroughAtOnceWithoutStops) {
  StopFilter filter({});
  EXPECT_EQ(filter.push("abc"), "abc");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, HoldsBackWhatMayBecomeAStopString) {
  StopFilter filter({"###"});
  EXPECT_EQ(filter.push("a#"), "a");
  EXPECT_EQ(filter.push("#"), "");
  EXPECT_EQ(filter.push("b"), "##b");
  EXPECT_EQ(filter.push("##"), "");
  EXPECT_EQ(filter.finish(), "##");
  EXPECT_FALSE(filter.matched());
}

TEST(StopFilter, AStopStringMaySpanPieces) {
  StopFilter filter({"\nUser:"});
  EXPECT_EQ(filter.push("fine.\nUs"), "fine.");
  EXPECT_EQ(filter.push("er"), "");
  EXPECT_FALSE(filter.matched());
  EXPECT_EQ(filter.push(": more"), "");
  EXPECT_TRUE(filter.matched());
  EXPECT_EQ(filter.push("even more"), "");
  EXPECT_EQ(filter.finish(), "");
}

TEST(StopFilter, OfOverlappingStopsTheFirstCompleteOneCounts) {
  EXPECT_EQ(show({"abcd", "bc"}, {"xabcd"}), (Shown{"xa", true}));
  EXPECT_EQ(show({"abc", "bc"}, {"xabcd"}), (Shown{"x", true}));  // both end at c: the longer
  EXPECT_EQ(show({"aab"}, {"aa", "ab"}), (Shown{"a", true}));
  EXPECT_EQ(show({"<end>", "<endless>"}, {"<end", "less>"}), (Shown{"", true}));
}

// Small alphabets make overlaps likely; every cutting of the text must show the same.
TEST(StopFilter, DoesNotDependOnHowTheTextIsCut) {
  std::mt19937_64 rng(7);
  const auto word = [&](std::size_t longest) {
    std::string text(1 + rng() % longest, 'a');
    for (char& c : text) c = static_cast<char>('a' + rng() % 2);
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops(1 + rng() % 3);
    for (std::string& stop : stops) stop = word(5);
    const std::string text = word(14);
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = 1 + rng() % 4;
      pieces.push_back(text.substr(at, n));
      at += n;
    }
    ASSERT_EQ(show(stops, pieces), expected(stops, text)) << text << " until " << stops[0];
  }
}

// One token per byte, "<end>" and the two halves of a stop string.
class TextOutputTest : public testing::Test {
 protected:
  static Tokenizer bytes_tokenizer() {
    TokenizerData data{.kind = TokenizerData::Kind::sentencepiece};
    const auto add = [&](const std::string& text, int type) {
      data.tokens.push_back(text);
      data.scores.push_back(0);
      data.token_types.push_back(type);
    };
    add("<unk>", TokenizerData::kUnknown);
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", byte);
      add(name, TokenizerData::kByte);
    }
    add("<end>", TokenizerData::kControl);
    data.unk_id = 0;
    data.eos_id = 257;
    data.eog_ids = {257};
    return Tokenizer(std::move(data));
  }
  static int byte_token(char c) { return 1 + static_cast<unsigned char>(c); }

  Tokenizer tokenizer_ = bytes_tokenizer();
};

TEST_F(TextOutputTest, HoldsBackACharacterUntilItIsWhole) {
  TextOutput output(tokenizer_, {});
  std::vector<std::string> deltas;
  for (const char c : std::string("a\u20ac\U0001F600"))
    deltas.push_back(output.push(byte_token(c)));
  EXPECT_EQ(deltas, (std::vector<std::string>{"a", "", "", "\u20ac", "", "", "", "\U0001F600"}));
  EXPECT_EQ(output.finish(), "");
}

TEST_F(TextOutputTest, ACharacterThatNeverBecomesWholeIsReplacedAtTheEnd) {
  TextOutput output(tokenizer_, {"x"});
  EXPECT_EQ(output.push(byte_token('\xe2')), "");
  EXPECT_EQ(output.push(byte_token('\x82')), "");
  EXPECT_EQ(output.finish(), "\ufffd");
}

TEST_F(TextOutputTest, StopsAtAMultiByteStopStringSplitOverTokens) {
  TextOutput output(tokenizer_, {"\u20ac!"});
  std::string text;
  for (const char c : std::string("5\u20ac, 6\u20ac! 7")) {
    text += output.push(byte_token(c));
    if (output.stopped()) break;
  }
  EXPECT_TRUE(output.stopped());
  EXPECT_EQ(text + output.finish(), "5\u20ac, 6");
}

TEST_F(TextOutputTest, WhatLookedLikeAStopStringIsShownAtTheEnd) {
  TextOutput output(tokenizer_, {"STOP"});
  std::string text;
  for (const char c : std::string("go STO")) text += output.push(byte_token(c));
  EXPECT_EQ(text, "go ");
  EXPECT_EQ(output.finish(), "STO");
  EXPECT_FALSE(output.stopped());
}

TEST_F(TextOutputTest, TheEndMayCompleteAStopString) {
  TextOutput output(tokenizer_, {"\ufffd"});
  EXPECT_EQ(output.push(byte_token('\xe2')), "");
  EXPECT_EQ(output.finish(), "");
  EXPECT_TRUE(output.stopped());
}

TEST_F(TextOutputTest, ControlTokensHaveNoText) {
  TextOutput output(tokenizer_, {});
  EXPECT_EQ(output.push(257), "");
}

}  // namespace
}  // namespace paretune
