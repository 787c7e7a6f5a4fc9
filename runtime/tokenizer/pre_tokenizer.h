// Pre-tokenizers: text into the words within which byte-level BPE merges.
//
// Publishers state them as regular expressions over Unicode classes; here each is a hand-written
// matcher, which needs no stack and one pass. To add one: a split function and a row.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/unicode.h"

namespace paretune {

struct Character {
  char32_t value;
  CharacterClass kind;
  std::size_t begin;  // byte offset in the text
};

// Bytes that are not UTF-8 are characters of class other.
std::vector<Character> characters_of(std::string_view text);

// Appends the end (an index into text) of each word; the words cover the text.
using Split = void (*)(std::span<const Character> text, std::vector<std::size_t>& ends);

void split_gpt2(std::span<const Character> text, std::vector<std::size_t>& ends);
void split_llama3(std::span<const Character> text, std::vector<std::size_t>& ends);
void split_qwen2(std::span<const Character> text, std::vector<std::size_t>& ends);
void split_smollm(std::span<const Character> text, std::vector<std::size_t>& ends);

inline constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct PreTokenizer {
  std::string_view name;  // tokenizer.ggml.pre, as llama.cpp writes it
  std::array<std::string_view, 8> aliases;
  std::string_view regex;  // as tokenizer.json writes it
  bool single_digits;      // each digit is a word of its own before the regex is applied
  bool nfc;                // texts are normalized first
  bool ignore_merges;      // a word that is in the vocabulary is one token, whatever the merges say
  Split split;
};

// Aliases are the names for which llama.cpp (src/llama-vocab.cpp) applies the same expression.
inline constexpr std::array kPreTokenizers{
    PreTokenizer{"gpt-2",
                 {"phi-2", "olmo", "mpt", "jais", "trillion"},
                 kGpt2Regex,
                 false,
                 false,
                 false,
                 split_gpt2},
    PreTokenizer{"llama-bpe",
                 {"llama3", "llama-v3", "falcon3", "pixtral", "lfm2"},
                 kLlama3Regex,
                 false,
                 false,
                 true,
                 split_llama3},
    PreTokenizer{"smaug-bpe", {"dbrx"}, kLlama3Regex, false, false, false, split_llama3},
    PreTokenizer{
        "qwen2", {"deepseek-r1-qwen", "megrez"}, kQwen2Regex, false, true, false, split_qwen2},
    PreTokenizer{"stablelm2", {"hunyuan"}, kQwen2Regex, false, false, false, split_qwen2},
    PreTokenizer{"smollm",
                 {"starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"},
                 kGpt2Regex,
                 true,
                 false,
                 false,
                 split_smollm},
};

// By name or alias; nullptr if unknown.
const PreTokenizer* find_pre_tokenizer(std::string_view name);

// "gpt-2, llama-bpe, ...", for messages.
std::string pre_tokenizer_names();

}  // namespace paretune
