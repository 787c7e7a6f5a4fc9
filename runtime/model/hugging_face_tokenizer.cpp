#include "runtime/model/hugging_face_tokenizer.h"

#include <algorithm>

#include "runtime/model/byte_reader.h"
#include "runtime/model/json_text.h"

namespace paretune {
namespace {

// A token id, or a list of them.
std::vector<int> read_ids(const JsonReader& reader, const char* key) {
  const nlohmann::json* value = reader.find(key);
  if (!value) return {};
  if (!value->is_array()) return {reader.get_int(key)};
  std::vector<int> ids;
  for (const nlohmann::json& item : *value) {
    const nlohmann::json single{{key, item}};
    ids.push_back(JsonReader(single, reader.file()).get_int(key));
  }
  return ids;
}

// A token's text, or an object with "content": its id. -1: the file does not name one, or (if
// optional) one that the vocabulary lacks.
int find_token(const JsonReader& reader, const char* key, const TokenizerData& data,
               bool optional) {
  const nlohmann::json* value = reader.find(key);
  if (!value) return -1;
  std::string text;
  if (value->is_object()) {
    text = JsonReader(*value, reader.file() + ": $." + key).get_string("content");
  } else {
    text = reader.get_string(key);
  }
  const auto found = std::ranges::find(data.tokens, text);
  if (found == data.tokens.end() && optional) return -1;
  if (found == data.tokens.end()) {
    reader.fail("$." + std::string(key) + " is " + in_quotes(text) +
                ", which is not in tokenizer.json");
  }
  return static_cast<int>(found - data.tokens.begin());
}

}  // namespace

void add_special_tokens(TokenizerData& data, const nlohmann::json& config,
                        const nlohmann::json& generation_config,
                        const nlohmann::json& tokenizer_config, const std::string& folder) {
  // The later, the closer to the tokenizer.
  for (const auto& [json, name] :
       {std::pair{&config, "/config.json"}, {&generation_config, "/generation_config.json"}}) {
    const JsonReader reader(*json, folder + name);
    const std::vector<int> eos_ids = read_ids(reader, "eos_token_id");
    if (!eos_ids.empty()) data.eos_id = eos_ids[0];
    data.eog_ids.insert(data.eog_ids.end(), eos_ids.begin(), eos_ids.end());
    if (const auto ids = read_ids(reader, "bos_token_id"); !ids.empty()) data.bos_id = ids[0];
  }
  const JsonReader reader(tokenizer_config, folder + "/tokenizer_config.json");
  struct Named {
    const char* key;
    int TokenizerData::*id;
    // Nothing we do needs it, and published folders often name one that is not there.
    bool optional;
  };
  for (const Named& named : {Named{"bos_token", &TokenizerData::bos_id, false},
                             {"eos_token", &TokenizerData::eos_id, false},
                             {"unk_token", &TokenizerData::unk_id, true},
                             {"pad_token", &TokenizerData::pad_id, true}}) {
    const int found = find_token(reader, named.key, data, named.optional);
    if (found >= 0) data.*named.id = found;
  }
  data.add_bos = reader.find_bool("add_bos_token").value_or(data.add_bos) && data.bos_id >= 0;
  data.add_eos = reader.find_bool("add_eos_token").value_or(data.add_eos) && data.eos_id >= 0;
}

}  // namespace paretune
