#include "runtime/model/packed_index.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "runtime/refusal.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kPackedSchema = "paretune.packed/1";

// Bytes as characters U+0000 to U+00FF, which JSON holds whatever they are, and back.
std::string as_text(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xc0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

std::string as_bytes(const std::string& text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      bytes += text[i];
    } else {
      if (byte > 0xc3 || i + 1 == text.size())
        throw std::runtime_error("a character above U+00FF in the vocabulary");
      bytes += static_cast<char>((byte & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    }
  }
  return bytes;
}

// Every field once: visit(name, field).
template <class Shape, class Visit>
void for_each_field(Shape& s,
                    Visit&& visit) requires std::is_same_v<std::remove_const_t<Shape>, ModelShape> {
  visit("architecture", s.architecture);
  visit("n_layers", s.n_layers);
  visit("d_model", s.d_model);
  visit("n_heads", s.n_heads);
  visit("n_kv_heads", s.n_kv_heads);
  visit("head_dim", s.head_dim);
  visit("d_ff", s.d_ff);
  visit("vocab_size", s.vocab_size);
  visit("max_seq_len", s.max_seq_len);
  visit("n_experts", s.n_experts);
  visit("n_experts_used", s.n_experts_used);
  visit("renormalized_experts", s.renormalized_experts);
  visit("rms_epsilon", s.rms_epsilon);
  visit("rope_theta", s.rope_theta);
  visit("rope_inverse_frequencies", s.rope_inverse_frequencies);
  visit("qkv_bias", s.qkv_bias);
  visit("qk_norm", s.qk_norm);
  visit("tied_output", s.tied_output);
}

template <class Data, class Visit>
void for_each_field(
    Data& t, Visit&& visit) requires std::is_same_v<std::remove_const_t<Data>, TokenizerData> {
  visit("tokens", t.tokens);
  visit("scores", t.scores);
  visit("token_types", t.token_types);
  visit("merges", t.merges);
  visit("pre_tokenizer", t.pre_tokenizer);
  visit("bos_id", t.bos_id);
  visit("eos_id", t.eos_id);
  visit("unk_id", t.unk_id);
  visit("pad_id", t.pad_id);
  visit("eog_ids", t.eog_ids);
  visit("add_bos", t.add_bos);
  visit("add_eos", t.add_eos);
  visit("add_space_prefix", t.add_space_prefix);
  visit("ignore_merges", t.ignore_merges);
}

struct Write {
  Json json = Json::object();
  template <class T>
  void operator()(const char* name, const T& value) {
    if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      Json& list = json[name] = Json::array();
      for (const std::string& text : value) list.push_back(as_text(text));
    } else {
      json[name] = value;
    }
  }
};

struct Read {
  const Json& json;
  template <class T>
  void operator()(const char* name, T& value) const {
    value = json.at(name).template get<T>();
    if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      for (std::string& text : value) text = as_bytes(text);
    }
  }
};

Weight weight_named(const std::string& name) {
  for (const WeightInfo& info : kWeights) {
    if (info.name == name) return info.weight;
  }
  throw std::runtime_error("the unknown weight " + in_double_quotes(name));
}

PackedIndex::Place place(const Json& json) {
  return {.at = json.at("at").get<std::uint64_t>(),
          .bytes = json.at("bytes").get<std::uint64_t>(),
          .checksum = json.value("checksum", std::uint64_t(0))};
}

}  // namespace

std::string to_json(const PackedIndex& index) {
  Write shape, tokenizer;
  for_each_field(index.shape, shape);
  for_each_field(index.tokenizer, tokenizer);
  tokenizer.json["kind"] =
      index.tokenizer.kind == TokenizerData::Kind::bpe ? "bpe" : "sentencepiece";
  Json vectors = Json::array(), matrices = Json::array();
  for (const auto& [at, where] : index.vectors) {
    vectors.push_back({{"name", weight_info(at.first).name},
                       {"instance", at.second},
                       {"at", where.at},
                       {"bytes", where.bytes},
                       {"checksum", where.checksum}});
  }
  for (const auto& [key, where] : index.matrices) {
    matrices.push_back(
        {{"key", key}, {"at", where.at}, {"bytes", where.bytes}, {"checksum", where.checksum}});
  }
  Json json{{"schema", kPackedSchema},
            {"kernels_version", index.kernels_version},
            {"model_key", index.model_key},
            {"recipe",
             {{"weights", index.recipe.weights},
              {"smoothing", index.recipe.smoothing},
              {"calibration", index.recipe.calibration},
              {"source_hash", index.recipe.source_hash}}},
            {"shape", shape.json},
            {"tokenizer", tokenizer.json},
            {"vectors", vectors},
            {"matrices", matrices}};
  if (index.chat_template) json["chat_template"] = as_text(*index.chat_template);
  if (!index.embeddings_type.empty()) {
    json["embeddings"] = {{"type", index.embeddings_type},
                          {"at", index.embeddings.at},
                          {"bytes", index.embeddings.bytes},
                          {"checksum", index.embeddings.checksum}};
  }
  return json.dump();
}

PackedIndex parse_packed_index(std::string_view text, const std::string& where) {
  try {
    const Json json = Json::parse(text);
    if (const std::string schema = json.at("schema").get<std::string>(); schema != kPackedSchema)
      throw std::runtime_error("the schema " + in_double_quotes(schema) +
                               ", allowed: " + in_double_quotes(kPackedSchema));
    PackedIndex index;
    index.kernels_version = json.at("kernels_version").get<int>();
    index.model_key = json.at("model_key").get<std::string>();
    const Json& recipe = json.at("recipe");
    index.recipe = {.weights = recipe.at("weights").get<std::string>(),
                    .smoothing = recipe.at("smoothing").get<std::string>(),
                    .calibration = recipe.at("calibration").get<std::string>(),
                    .source_hash = recipe.at("source_hash").get<std::string>()};
    for_each_field(index.shape, Read{json.at("shape")});
    const Json& tokenizer = json.at("tokenizer");
    for_each_field(index.tokenizer, Read{tokenizer});
    index.tokenizer.kind = tokenizer.at("kind") == "bpe" ? TokenizerData::Kind::bpe
                                                         : TokenizerData::Kind::sentencepiece;
    if (json.contains("chat_template"))
      index.chat_template = as_bytes(json.at("chat_template").get<std::string>());
    for (const Json& row : json.at("vectors")) {
      index.vectors[{weight_named(row.at("name").get<std::string>()),
                     row.at("instance").get<int>()}] = place(row);
    }
    for (const Json& row : json.at("matrices"))
      index.matrices[row.at("key").get<std::string>()] = place(row);
    if (json.contains("embeddings")) {
      index.embeddings_type = json.at("embeddings").at("type").get<std::string>();
      index.embeddings = place(json.at("embeddings"));
    }
    return index;
  } catch (const std::exception& error) {
    throw std::runtime_error(where + ": index: found " + error.what());
  }
}

}  // namespace paretune
