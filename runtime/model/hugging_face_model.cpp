#include "runtime/model/hugging_face_model.h"

#include <algorithm>
#include <optional>
#include <set>
#include <stdexcept>

#include "runtime/model/byte_reader.h"
#include "runtime/model/float8_scales.h"
#include "runtime/model/hugging_face_config.h"
#include "runtime/model/hugging_face_tokenizer.h"
#include "runtime/model/json_text.h"
#include "runtime/model/safetensors.h"
#include "runtime/model/stored_model.h"
#include "runtime/tokenizer/tokenizer_json.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTextBytes = 100'000'000;  // of a JSON file or a template

// A model's files, each opened once. What open returns lives as long as the files do.
class Folder {
 public:
  explicit Folder(fs::path path) : path_(std::move(path)) {}

  bool has(const std::string& name) const { return fs::exists(path_ / name); }
  std::string full_name(const std::string& name) const { return (path_ / name).string(); }
  std::span<const std::byte> open(const std::string& name) {
    return files_.emplace_back(path_ / name).bytes();
  }
  std::string_view open_text(const std::string& name) {
    const auto bytes = open(name);
    if (bytes.size() > kMaxTextBytes) {
      throw std::runtime_error(full_name(name) + ": is " + std::to_string(bytes.size()) +
                               " bytes long; allowed: " + std::to_string(kMaxTextBytes));
    }
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  nlohmann::json open_json(const std::string& name) {
    return parse_json_object(open_text(name), full_name(name));
  }
  nlohmann::json open_json_if_there(const std::string& name) {
    return has(name) ? open_json(name) : nlohmann::json::object();
  }
  std::vector<MappedFile> take_files() { return std::move(files_); }

 private:
  fs::path path_;
  std::vector<MappedFile> files_;
};

// The files that the index's weight_map names, which must lie beside it.
std::set<std::string> shard_names(const nlohmann::json& index, const std::string& file) {
  const JsonReader reader(index, file);
  const nlohmann::json* map = reader.find("weight_map");
  if (!map || !map->is_object() || map->empty())
    reader.fail("$.weight_map must be an object with tensors");
  std::set<std::string> names;
  for (const auto& [tensor, shard] : map->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (!name.ends_with(".safetensors") ||
        name.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
      reader.fail("$.weight_map names the file " + in_quotes(name) +
                  "; allowed: *.safetensors in the same folder");
    }
    names.insert(name);
  }
  return names;
}

TensorMap open_tensors(Folder& folder) {
  const std::string index = "model.safetensors.index.json";
  std::set<std::string> names{"model.safetensors"};
  if (!folder.has("model.safetensors") && folder.has(index)) {
    names = shard_names(folder.open_json(index), folder.full_name(index));
  }
  TensorMap tensors;
  for (const std::string& name : names) {
    TensorMap shard = read_safetensors(folder.open(name), folder.full_name(name));
    tensors.merge(shard);
    if (!shard.empty()) {
      throw std::runtime_error(folder.full_name(name) + ": the tensor " +
                               in_quotes(shard.begin()->first) + " is in another file too");
    }
  }
  return tensors;
}

// Files may hold what the model does not need: RoPE's frequencies, and either name of a tied
// embedding.
void drop_redundant(TensorMap& tensors, const ModelShape& shape) {
  std::erase_if(tensors,
                [](const auto& entry) { return entry.first.ends_with(".rotary_emb.inv_freq"); });
  if (!shape.tied_output) return;
  auto output = tensors.extract(std::string(weight_info(Weight::output).hugging_face));
  const std::string embedding(weight_info(Weight::token_embedding).hugging_face);
  if (output && !tensors.contains(embedding)) {
    output.key() = embedding;
    tensors.insert(std::move(output));
  }
}

// chat_template.jinja, or tokenizer_config.json's chat_template: a string, or a list of which
// "default" is ours.
std::optional<std::string> find_chat_template(Folder& folder,
                                              const nlohmann::json& tokenizer_config) {
  if (folder.has("chat_template.jinja"))
    return std::string(folder.open_text("chat_template.jinja"));
  const JsonReader reader(tokenizer_config, folder.full_name("tokenizer_config.json"));
  const nlohmann::json* value = reader.find("chat_template");
  if (!value || !value->is_array()) return reader.find_string("chat_template");
  for (const nlohmann::json& item : *value) {
    const JsonReader named(item, reader.file() + ": $.chat_template");
    if (!item.is_object()) named.fail("must be a string or a list of objects");
    if (named.get_string("name") == "default") return named.get_string("template");
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<ModelSource> open_hugging_face(const fs::path& path) {
  Folder folder(path);
  const nlohmann::json config = folder.open_json("config.json");
  ModelContents contents;
  contents.shape = read_hugging_face_config(config, folder.full_name("config.json"));

  TensorMap tensors = open_tensors(folder);
  drop_redundant(tensors, contents.shape);
  attach_float8_scales(tensors, float8_block(config, folder.full_name("config.json")),
                       path.string());
  contents.weights =
      locate_weights(contents.shape, tensors, &WeightInfo::hugging_face, path.string());

  if (!folder.has("tokenizer.json")) {
    throw std::runtime_error(path.string() +
                             ": has no tokenizer.json, the only tokenizer file supported here");
  }
  contents.tokenizer =
      parse_tokenizer_json(folder.open_text("tokenizer.json"), folder.full_name("tokenizer.json"));
  const nlohmann::json tokenizer_config = folder.open_json_if_there("tokenizer_config.json");
  add_special_tokens(contents.tokenizer, config,
                     folder.open_json_if_there("generation_config.json"), tokenizer_config,
                     path.string());
  finish_tokenizer(contents.tokenizer, contents.shape.vocab_size, path.string());
  contents.chat_template = find_chat_template(folder, tokenizer_config);
  return std::make_unique<StoredModel>(path, folder.take_files(), std::move(contents));
}

}  // namespace paretune
