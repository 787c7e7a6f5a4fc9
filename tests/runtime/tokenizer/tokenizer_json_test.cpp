#include "runtime/tokenizer/tokenizer_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/tokenizer/pre_tokenizer.h"
#include "tests/runtime/tokenizer/samples.h"

namespace paretune {
namespace {

using nlohmann::json;

json byte_level_json() {
  return json::parse(R"({
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
    "post_processor": null,
    "added_tokens": [{"id": 3, "content": "<|end|>", "special": true},
                     {"id": 4, "content": "<think>", "special": false}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})");
}

json sentencepiece_json() {
  return json::parse(R"({
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true}],
    "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
      "vocab": {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "▁a": 5}, "merges": [["▁", "a"]]}})");
}

TokenizerData parse(const json& value) { return parse_tokenizer_json(value.dump(), "t.json"); }

std::string error_of(const std::string& text) {
  try {
    parse_tokenizer_json(text, "t.json");
    return "no error";
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

TEST(TokenizerJson, ReadsByteLevel) {
  const TokenizerData data = parse(byte_level_json());
  EXPECT_EQ(data.pre_tokenizer, "gpt-2");
  EXPECT_EQ(data.tokens, (std::vector<std::string>{"a", "b", "ab", "<|end|>", "<think>"}));
  EXPECT_EQ(data.token_types, (std::vector<int>{1, 1, 1, 3, 4}));
  const Tokenizer tokenizer(data);
  EXPECT_EQ(tokenizer.encode("ab<think>a"), (std::vector<int>{2, 4, 0}));
}

TEST(TokenizerJson, ReadsSentencePiece) {
  const TokenizerData data = parse(sentencepiece_json());
  EXPECT_EQ(data.kind, TokenizerData::Kind::sentencepiece);
  EXPECT_TRUE(data.add_bos);
  EXPECT_EQ(data.token_types, (std::vector<int>{2, 3, 6, 1, 1, 1}));
  EXPECT_EQ(Tokenizer(data).encode_prompt("a\n?"), (std::vector<int>{1, 5, 2, 0}));
}

TEST(TokenizerJson, RefusesWhatIsNotJson) {
  EXPECT_NE(error_of("{\"a\": ").find("t.json: is not valid JSON"), std::string::npos);
  EXPECT_NE(error_of("{\"a\": 877e970}").find("number overflow"),
            std::string::npos);  // no double holds it
  EXPECT_NE(error_of("[]").find("must be a JSON object"), std::string::npos);
  EXPECT_NE(error_of("{\"a\": 1, \"a\": 2}").find("appears twice"), std::string::npos);
}

TEST(TokenizerJson, KnowsEveryPreTokenizer) {
  for (const PreTokenizer& row : kPreTokenizers) {
    json value = byte_level_json();
    if (row.nfc) value["normalizer"] = {{"type", "NFC"}};
    json steps = json::array();
    if (row.single_digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
    const bool split = row.regex != kGpt2Regex;
    if (split) {
      steps.push_back({{"type", "Split"},
                       {"pattern", {{"Regex", row.regex}}},
                       {"behavior", "Isolated"},
                       {"invert", false}});
    }
    steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", !split}});
    value["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", steps}};
    value["model"]["ignore_merges"] = row.ignore_merges;
    EXPECT_EQ(parse(value).pre_tokenizer, row.name);
  }
}

TEST(TokenizerJson, Gpt2FromItsOwnFiles) {
  const std::string folder = "../shared/tokenizers/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "skipped: " << folder << " is not here";
  json value = byte_level_json();
  value["model"]["vocab"] = json::parse(read_text(folder + "gpt2/encoder.json"));
  value["model"]["merges"] = json::array();
  value["added_tokens"] = {{{"id", 50256}, {"content", "<|endoftext|>"}, {"special", true}}};
  std::istringstream lines(read_text(folder + "gpt2/vocab.bpe"));
  std::string line;
  std::getline(lines, line);  // the version
  while (std::getline(lines, line)) {
    if (!line.empty()) value["model"]["merges"].push_back(line);
  }
  const Tokenizer from_json(parse(value));
  const Tokenizer from_gguf(gguf_tokenizer_data(folder + "llama.cpp-vocab/ggml-vocab-gpt-2.gguf"));
  const std::string text = read_text(folder + "llama.cpp-vocab/ggml-vocab-gpt-2.gguf.inp");
  EXPECT_EQ(from_json.encode(text), from_gguf.encode(text));
  EXPECT_EQ(from_json.decode(from_json.encode(text)), text);
}

TEST(TokenizerJson, RefusesByNameWhatItDoesNotKnow) {
  const auto refused = [](auto change, const std::string& naming) {
    json value = byte_level_json();
    change(value);
    const std::string error = error_of(value.dump());
    EXPECT_NE(error.find(naming), std::string::npos) << error;
    EXPECT_EQ(error.find("t.json: /"), 0u) << error;
  };
  refused([](json& v) { v["model"]["type"] = "Unigram"; },
          "/model/type: unsupported \"Unigram\"; supported: BPE");
  refused([](json& v) { v["normalizer"] = {{"type", "Lowercase"}}; }, "\"Lowercase\"; supported");
  refused([](json& v) { v["pre_tokenizer"]["type"] = "Whitespace"; }, "\"Whitespace\"");
  refused([](json& v) { v["pre_tokenizer"] = nullptr; }, "/pre_tokenizer: unsupported \"none\"");
  refused([](json& v) { v["pre_tokenizer"]["add_prefix_space"] = true; }, "add_prefix_space");
  refused([](json& v) { v["normalizer"] = {{"type", "NFC"}}; }, "unsupported combination with NFC");
  refused(
      [](json& v) {
        v["pre_tokenizer"] = {
            {"type", "Split"}, {"pattern", {{"Regex", "x+"}}}, {"behavior", "Isolated"}};
      },
      "unsupported expression \"x+\"");
  refused(
      [](json& v) {
        v["post_processor"] = {{"type", "BertProcessing"}};
      },
      "\"BertProcessing\"");
  refused([](json& v) { v["added_tokens"][0]["rstrip"] = true; }, "/added_tokens/0/rstrip");
  refused([](json& v) { v["added_tokens"][0]["id"] = 0; }, "id 0 is \"a\" already");
  refused([](json& v) { v["added_tokens"][0]["id"] = 2000000000; }, "beyond the vocabulary");
  refused([](json& v) { v["model"]["vocab"]["b"] = -1; }, "/model/vocab/b: expected a token id");
  refused([](json& v) { v["model"]["merges"][0] = "ab"; }, "/model/merges/0");
  refused([](json& v) { v["model"].erase("merges"); }, "/model/merges: missing");
  refused([](json& v) { v["model"]["unk_token"] = "zz"; }, "\"zz\" is not in the vocabulary");
}

TEST(TokenizerJson, EveryTruncationIsRefused) {
  for (const json& value : {byte_level_json(), sentencepiece_json()}) {
    const std::string text = value.dump();
    for (std::size_t size = 0; size < text.size(); ++size) {
      EXPECT_NE(error_of(text.substr(0, size)), "no error") << size;
    }
  }
}

}  // namespace
}  // namespace paretune
