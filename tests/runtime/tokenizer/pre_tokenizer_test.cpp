#include "runtime/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <random>

namespace paretune {
namespace {

std::vector<std::string> words(std::string_view name, const std::string& text) {
  const std::vector<Character> characters = characters_of(text);
  std::vector<std::size_t> ends;
  find_pre_tokenizer(name)->split(characters, ends);
  std::vector<std::string> words;
  std::size_t begin = 0;
  for (std::size_t end : ends) {
    const std::size_t stop = end < characters.size() ? characters[end].begin : text.size();
    words.push_back(text.substr(begin, stop - begin));
    begin = stop;
  }
  return words;
}

using Words = std::vector<std::string>;

TEST(PreTokenizer, Gpt2) {
  EXPECT_EQ(words("gpt-2", "I'll  say 123\n\n I'LL!?"),
            (Words{"I", "'ll", " ", " say", " 123", "\n\n", " I", "'", "LL", "!?"}));
  EXPECT_EQ(words("gpt-2", "a\nb  "), (Words{"a", "\n", "b", "  "}));
}

TEST(PreTokenizer, Llama3) {
  EXPECT_EQ(words("llama-bpe", "I'LL  say 12345\n\n x...\n\ny"),
            (Words{"I", "'LL", " ", " say", " ", "123", "45", "\n\n", " x", "...\n\n", "y"}));
  EXPECT_EQ(words("llama-bpe", "\tfoo(bar"), (Words{"\tfoo", "(bar"}));
  EXPECT_EQ(words("llama-bpe", " \n  x"), (Words{" \n", " ", " x"}));
}

TEST(PreTokenizer, Qwen2TakesDigitsOneByOne) {
  EXPECT_EQ(words("qwen2", "a 12'S"), (Words{"a", " ", "1", "2", "'S"}));
}

TEST(PreTokenizer, SmolLmCutsDigitsFirst) {
  EXPECT_EQ(words("smollm", "a 12 b  3"), (Words{"a", " ", "1", "2", " b", "  ", "3"}));
  EXPECT_EQ(words("smollm", "'s½x"), (Words{"'s", "½", "x"}));
}

TEST(PreTokenizer, UnicodeClasses) {
  // Marks are neither letters nor numbers; U+3000 and U+0085 are spaces; Roman numerals are
  // numbers.
  EXPECT_EQ(words("gpt-2", "e\u0301x\u3000Ⅷ漢"), (Words{"e", "\u0301", "x", "\u3000", "Ⅷ", "漢"}));
  EXPECT_EQ(words("gpt-2", "a\u0085"), (Words{"a", "\u0085"}));
}

TEST(PreTokenizer, WordsOfEveryRowCoverTheText) {
  std::mt19937 random(1);
  const Words parts{"a", "Z",  " ",   "\n", "\r\n", "\t",   "7",      "½",
                    "'", "'s", "'RE", "!",  "漢",   "\xFF", "\u3000", "🦙"};
  for (const PreTokenizer& row : kPreTokenizers) {
    for (int i = 0; i < 500; ++i) {
      std::string text;
      for (unsigned n = random() % 12; n > 0; --n) text += parts[random() % parts.size()];
      std::string joined;
      for (const std::string& word : words(row.name, text)) {
        EXPECT_FALSE(word.empty());
        joined += word;
      }
      EXPECT_EQ(joined, text) << row.name;
    }
  }
}

TEST(PreTokenizer, FoundByNameAndAlias) {
  EXPECT_EQ(find_pre_tokenizer("llama3")->name, "llama-bpe");
  EXPECT_EQ(find_pre_tokenizer("starcoder")->name, "smollm");
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
  EXPECT_EQ(find_pre_tokenizer("deepseek-llm"), nullptr);
}

}  // namespace
}  // namespace paretune
