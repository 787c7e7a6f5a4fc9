#include "runtime/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "runtime/model/json_text.h"
#include "runtime/tokenizer/pre_tokenizer.h"
#include "runtime/tokenizer/sentencepiece.h"

namespace paretune {
namespace {

using nlohmann::json;
using Data = TokenizerData;

constexpr std::string_view kSupported =
    "supported: BPE, either byte-level (normalizer none or NFC; pre-tokenizer ByteLevel, Digits + "
    "ByteLevel, or Split "
    "by the expression of Llama 3 or Qwen 2 + ByteLevel) or SentencePiece's (normalizer Prepend "
    "and Replace, or "
    "pre-tokenizer Metaspace without split)";

// Ids without a token are allowed (some vocabularies are padded), but a wild id must not cost
// gigabytes.
constexpr std::int64_t kMostUnnamedIds = 65536;

// One file being read; its methods throw with the file's name and the JSON path.
class Reader {
 public:
  Reader(std::string_view text, std::string_view file_name)
      : file_(file_name), root_(parse_json_object(text, file_)) {}

  Data read() {
    const json& model = member(root_, "/model", "model");
    if (!model.is_object()) fail("/model", "expected an object");
    const std::string type = text_or(model, "/model/type", "type", "BPE");
    if (type != "BPE") refuse("/model/type", type);
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const std::string path = std::string("/model/") + key;
      if (!text_or(model, path, key, "").empty()) refuse(path, text_or(model, path, key, ""));
    }

    data_.ignore_merges = flag_or(model, "/model/ignore_merges", "ignore_merges", false);
    read_normalizer();
    read_pre_tokenizer();
    read_tokens(model);
    read_merges(model);
    read_post_processor();
    return std::move(data_);
  }

 private:
  [[noreturn]] void fail(const std::string& path, const std::string& what) const {
    throw std::runtime_error(file_ + ": " + path + ": " + what);
  }
  [[noreturn]] void refuse(const std::string& path, const std::string& found) const {
    fail(path, "unsupported \"" + found + "\"; " + std::string(kSupported));
  }

  const json& member(const json& object, const std::string& path, const char* key) const {
    const auto found = object.find(key);
    if (found == object.end()) fail(path, "missing");
    return *found;
  }
  // Missing or null counts as none.
  static const json* optional_member(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? nullptr : &*found;
  }
  std::string text_or(const json& object, const std::string& path, const char* key,
                      const char* otherwise) const {
    const json* found = optional_member(object, key);
    if (!found) return otherwise;
    if (!found->is_string()) fail(path, "expected a string");
    return found->get<std::string>();
  }
  bool flag_or(const json& object, const std::string& path, const char* key, bool otherwise) const {
    const json* found = optional_member(object, key);
    if (!found) return otherwise;
    if (!found->is_boolean()) fail(path, "expected true or false");
    return found->get<bool>();
  }
  int id_of(const json& value, const std::string& path) const {
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<std::uint64_t>() > INT32_MAX) ||
        value.get<std::int64_t>() < 0) {
      fail(path, "expected a token id");
    }
    return value.get<int>();
  }

  // A step, or a Sequence of steps under `list`: flat.
  struct Step {
    std::string path;
    std::string type;
    const json* value;
  };
  std::vector<Step> steps(const char* section, const char* list) const {
    std::vector<Step> flat;
    const json* first = optional_member(root_, section);
    if (first) collect(*first, std::string("/") + section, list, 0, flat);
    return flat;
  }
  void collect(const json& value, const std::string& path, const char* list, int depth,
               std::vector<Step>& flat) const {
    if (depth > 8) fail(path, "nested too deep");
    if (!value.is_object()) fail(path, "expected an object");
    const std::string type = text_or(value, path + "/type", "type", "");
    if (type != "Sequence") {
      flat.push_back({path, type, &value});
      return;
    }
    const json& inner = member(value, path + "/" + list, list);
    if (!inner.is_array()) fail(path + "/" + list, "expected an array");
    for (std::size_t i = 0; i < inner.size(); ++i) {
      collect(inner[i], path + "/" + list + "/" + std::to_string(i), list, depth + 1, flat);
    }
  }

  std::string pattern_of(const Step& step, const char* kind) const {
    const json& pattern = member(*step.value, step.path + "/pattern", "pattern");
    if (!pattern.is_object()) fail(step.path + "/pattern", "expected an object");
    return text_or(pattern, step.path + "/pattern/" + kind, kind, "");
  }

  void read_normalizer() {
    bool prepends = false;
    for (const Step& step : steps("normalizer", "normalizers")) {
      if (step.type == "NFC") {
        nfc_ = true;
      } else if (step.type == "Prepend" && !marks_spaces_ &&
                 text_or(*step.value, step.path + "/prepend", "prepend", "") == kSpaceMark) {
        prepends = true;
      } else if (step.type == "Replace" && pattern_of(step, "String") == " " &&
                 text_or(*step.value, step.path + "/content", "content", "") == kSpaceMark) {
        marks_spaces_ = true;
      } else {
        refuse(step.path, step.type);
      }
    }
    if (prepends && !marks_spaces_) refuse("/normalizer", "Prepend without Replace");
    data_.add_space_prefix = prepends;
  }

  void read_pre_tokenizer() {
    bool single_digits = false;
    std::string regex;
    bool byte_level = false;
    bool metaspace = false;
    for (const Step& step : steps("pre_tokenizer", "pretokenizers")) {
      const bool first = regex.empty() && !byte_level && !metaspace;
      if (step.type == "Digits" && first && !single_digits &&
          flag_or(*step.value, step.path + "/individual_digits", "individual_digits", false)) {
        single_digits = true;
      } else if (step.type == "Split" && first) {
        regex = split_regex(step);
      } else if (step.type == "ByteLevel" && !byte_level && !metaspace) {
        if (flag_or(*step.value, step.path + "/add_prefix_space", "add_prefix_space", true)) {
          refuse(step.path + "/add_prefix_space", "true");
        }
        const bool splits = flag_or(*step.value, step.path + "/use_regex", "use_regex", true);
        if (splits && !regex.empty()) refuse(step.path + "/use_regex", "true");
        if (!splits && regex.empty()) refuse(step.path + "/use_regex", "false");
        if (splits) regex = kGpt2Regex;
        byte_level = true;
      } else if (step.type == "Metaspace" && first && !single_digits) {
        read_metaspace(step);
        metaspace = true;
      } else {
        refuse(step.path, step.type);
      }
    }

    if (byte_level) {
      if (marks_spaces_) refuse("/normalizer", "Replace with ByteLevel");
      data_.kind = Data::Kind::bpe;
      data_.pre_tokenizer = pre_tokenizer_name(regex, single_digits);
    } else {
      if (!regex.empty() || single_digits) refuse("/pre_tokenizer", "Split without ByteLevel");
      if (nfc_ || marks_spaces_ == metaspace) {
        refuse("/pre_tokenizer", marks_spaces_ ? "Metaspace" : "none");
      }
      data_.kind = Data::Kind::sentencepiece;
    }
  }

  std::string split_regex(const Step& step) const {
    const std::string regex = pattern_of(step, "Regex");
    const std::string behavior = text_or(*step.value, step.path + "/behavior", "behavior", "");
    const bool invert = flag_or(*step.value, step.path + "/invert", "invert", false);
    // The expressions match all of a text, so keeping the matches is the same as cutting at them.
    if (!(behavior == "Isolated" && !invert) && !(behavior == "Removed" && invert)) {
      refuse(step.path + "/behavior", behavior);
    }
    const auto known = [&](const PreTokenizer& row) { return row.regex == regex; };
    if (regex.empty() || std::none_of(kPreTokenizers.begin(), kPreTokenizers.end(), known)) {
      fail(step.path + "/pattern", "unsupported expression \"" + regex +
                                       "\"; supported are those of " + pre_tokenizer_names());
    }
    return regex;
  }

  // The row for what the file says; of those that differ in ignore_merges alone, the one that
  // agrees with the model's flag, else the one that leaves it to the flag.
  std::string pre_tokenizer_name(std::string_view regex, bool single_digits) const {
    for (const bool ignore_merges : {data_.ignore_merges, false}) {
      for (const PreTokenizer& row : kPreTokenizers) {
        if (row.regex == regex && row.single_digits == single_digits && row.nfc == nfc_ &&
            row.ignore_merges == ignore_merges) {
          return std::string(row.name);
        }
      }
    }
    fail("/pre_tokenizer",
         std::string("unsupported combination with ") + (nfc_ ? "NFC" : "no normalizer") +
             (single_digits ? " and Digits" : "") + "; " + std::string(kSupported));
  }

  // prepend_scheme "first" is taken as "always", as llama.cpp does: after a special token, too,
  // text starts with a space.
  void read_metaspace(const Step& step) {
    const json& value = *step.value;
    const std::string mark = text_or(value, step.path + "/replacement", "replacement", "");
    if (mark != kSpaceMark) refuse(step.path + "/replacement", mark);
    if (flag_or(value, step.path + "/split", "split", true)) refuse(step.path + "/split", "true");
    const std::string scheme =
        text_or(value, step.path + "/prepend_scheme", "prepend_scheme", "always");
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      refuse(step.path + "/prepend_scheme", scheme);
    }
    data_.add_space_prefix = scheme != "never";
  }

  void read_tokens(const json& model) {
    const json& vocab = member(model, "/model/vocab", "vocab");
    if (!vocab.is_object() || vocab.empty()) fail("/model/vocab", "expected a vocabulary");
    static const json kNone = json::array();
    const json* listed = optional_member(root_, "added_tokens");
    const json& added = listed ? *listed : kNone;
    if (!added.is_array()) fail("/added_tokens", "expected an array");
    most_ids_ = static_cast<std::int64_t>(vocab.size() + added.size()) + kMostUnnamedIds;

    const bool byte_fallback = flag_or(model, "/model/byte_fallback", "byte_fallback", false) &&
                               data_.kind == Data::Kind::sentencepiece;
    for (const auto& [token, id] : vocab.items()) {
      const bool is_byte = byte_fallback && byte_of_token(token).has_value();
      place(id_of(id, "/model/vocab/" + token), token, is_byte ? Data::kByte : Data::kNormal,
            "/model/vocab/" + token);
    }
    for (std::size_t i = 0; i < added.size(); ++i) {
      read_added_token(added[i], "/added_tokens/" + std::to_string(i));
    }
    const std::string unknown = text_or(model, "/model/unk_token", "unk_token", "");
    if (!unknown.empty()) {
      data_.unk_id = find_token(unknown, "/model/unk_token");
      data_.token_types[data_.unk_id] = Data::kUnknown;
    }
  }

  void read_added_token(const json& token, const std::string& path) {
    if (!token.is_object()) fail(path, "expected an object");
    for (const char* key : {"single_word", "lstrip", "rstrip"}) {
      if (flag_or(token, path + "/" + key, key, false)) {
        fail(path + "/" + key, "unsupported: true; supported: false");
      }
    }
    const std::string content = text_or(token, path + "/content", "content", "");
    if (content.empty()) fail(path + "/content", "expected the token's text");
    const bool special = flag_or(token, path + "/special", "special", false);
    place(id_of(member(token, path + "/id", "id"), path + "/id"), content,
          special ? Data::kControl : Data::kUserDefined, path);
  }

  void place(int id, const std::string& token, int type, const std::string& path) {
    if (id >= most_ids_) {
      fail(path, "id " + std::to_string(id) + " is beyond the vocabulary");
    }
    if (static_cast<std::size_t>(id) >= data_.tokens.size()) {
      data_.tokens.resize(id + 1);
      data_.token_types.resize(id + 1, Data::kUnused);
    }
    std::string& place = data_.tokens[id];
    if (!place.empty() && place != token) {
      fail(path, "id " + std::to_string(id) + " is \"" + place + "\" already");
    }
    place = token;
    data_.token_types[id] = type;
  }

  int find_token(const std::string& token, const std::string& path) const {
    const auto found = std::find(data_.tokens.begin(), data_.tokens.end(), token);
    if (token.empty() || found == data_.tokens.end()) {
      fail(path, "\"" + token + "\" is not in the vocabulary");
    }
    return static_cast<int>(found - data_.tokens.begin());
  }

  // "left right", or since tokenizers 0.20 ["left", "right"].
  void read_merges(const json& model) {
    const json& merges = member(model, "/model/merges", "merges");
    if (!merges.is_array()) fail("/model/merges", "expected an array");
    data_.merges.reserve(merges.size());
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const json& merge = merges[i];
      const bool pair =
          merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
      if (merge.is_string()) {
        data_.merges.push_back(merge.get<std::string>());
      } else if (pair) {
        data_.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      }
      if ((!pair && !merge.is_string()) ||
          std::count(data_.merges.back().begin(), data_.merges.back().end(), ' ') != 1) {
        fail("/model/merges/" + std::to_string(i), "expected two tokens without spaces");
      }
    }
  }

  void read_post_processor() {
    for (const Step& step : steps("post_processor", "processors")) {
      if (step.type == "ByteLevel") continue;  // moves offsets only
      if (step.type != "TemplateProcessing") {
        fail(step.path,
             "unsupported \"" + step.type + "\"; supported: ByteLevel, TemplateProcessing");
      }
      const std::string path = step.path + "/single";
      const json& single = member(*step.value, path, "single");
      if (!single.is_array()) fail(path, "expected an array");
      bool text_seen = false;
      for (std::size_t i = 0; i < single.size(); ++i) {
        const std::string place = path + "/" + std::to_string(i);
        if (!single[i].is_object()) fail(place, "expected an object");
        if (single[i].contains("Sequence")) {
          text_seen = true;
          continue;
        }
        const json& special = member(single[i], place, "SpecialToken");
        if (!special.is_object()) fail(place, "expected an object");
        int& id = text_seen ? data_.eos_id : data_.bos_id;
        bool& add = text_seen ? data_.add_eos : data_.add_bos;
        if (add)
          fail(place,
               "unsupported: two special tokens in a row; supported: one before and one after the "
               "text");
        id = find_token(text_or(special, place + "/SpecialToken/id", "id", ""), place);
        add = true;
      }
    }
    if (data_.eos_id >= 0) data_.eog_ids = {data_.eos_id};
  }

  std::string file_;
  json root_;
  Data data_;
  bool nfc_ = false;
  bool marks_spaces_ = false;
  std::int64_t most_ids_ = 0;
};

}  // namespace

TokenizerData parse_tokenizer_json(std::string_view json, std::string_view file_name) {
  return Reader(json, file_name).read();
}

}  // namespace paretune
