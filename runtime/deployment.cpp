#include "runtime/deployment.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <type_traits>

#include "runtime/compression/calibration_texts.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDeploySchema = "paretune.deploy/4";
constexpr int kMaxInt = 1 << 30;  // of any integer knob

// Text of a knob's value, and back. One overload per kind of value; none names a knob.
std::string text_of(const Policy& v) { return to_text(v); }
std::string text_of(const KvFormat* v) { return std::string(v->name); }
std::string text_of(int v) { return std::to_string(v); }
std::string text_of(bool v) { return v ? "true" : "false"; }
template <const auto& kList>
std::string text_of(OneOf<kList> v) {
  return std::string(v.name);
}

template <class T, class List>
void from_catalog(T& value, const List& list, std::string_view text, const std::string& where) {
  const auto found = std::ranges::find_if(list, [&](const auto* row) { return row->name == text; });
  if (found == list.end())
    refuse(where, in_double_quotes(text),
           joined(list, [](const auto* row) { return std::string(row->name); }));
  value = *found;
}

void set_value(Policy& v, std::string_view text, const std::string& where) {
  v = parse_policy(text, where);
}
void set_value(const KvFormat*& v, std::string_view text, const std::string& where) {
  from_catalog(v, kKvFormats, text, where);
}
void set_integer(int& v, std::string_view text, const std::string& where, int least) {
  int parsed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size() || parsed < least ||
      parsed > kMaxInt) {
    refuse(where, in_double_quotes(text),
           "an integer from " + std::to_string(least) + " to " + std::to_string(kMaxInt));
  }
  v = parsed;
}
void set_value(bool& v, std::string_view text, const std::string& where) {
  if (text != "true" && text != "false") refuse(where, in_double_quotes(text), "true or false");
  v = text == "true";
}
template <const auto& kList>
void set_value(OneOf<kList>& v, std::string_view text, const std::string& where) {
  const auto found = std::ranges::find(kList, text);
  if (found == kList.end()) refuse(where, in_double_quotes(text), joined(kList));
  v.name = *found;
}

std::string known_knobs() {
  std::string all;
  for_each_knob([&](const auto& knob) { append_name(all, knob.name); });
  return all;
}

Json config_json(const DeployConfig& config) {
  Json json = Json::object();
  for_each_knob([&](const auto& knob) {
    const auto& value = config.*knob.field;
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
      json[std::string(knob.name)] = value;
    } else {
      json[std::string(knob.name)] = text_of(value);
    }
  });
  return json;
}

DeployConfig config_from(const Json& json, const std::string& where, DeployConfig config) {
  if (!json.is_object()) refuse(where, json.type_name(), "an object of knobs");
  for (const auto& [key, value] : json.items()) {
    const std::string place = where + "." + key;
    if (value.is_string()) {
      set_knob(config, key, value.get_ref<const std::string&>(), place);
    } else if (value.is_number_integer() || value.is_boolean()) {
      set_knob(config, key, value.dump(), place);
    } else {
      refuse(place, value.dump(), "a string, an integer or a boolean");
    }
  }
  return config;
}

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {  // a syntax error, or a number that no double holds
    throw std::runtime_error(where + ": not JSON: " + error.what());
  }
}

// Reads the members of an object once each and refuses what nobody asked for.
class Members {
 public:
  Members(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) refuse(where_, json.type_name(), "an object");
  }
  const Json& require(const std::string& key) {
    known_.push_back(key);
    const auto found = json_.find(key);
    if (found == json_.end())
      throw std::runtime_error(where_ + ": the key " + in_double_quotes(key) + " is missing");
    return *found;
  }
  std::string string(const std::string& key) {
    const Json& value = require(key);
    if (!value.is_string()) refuse(where_ + "." + key, value.dump(), "a string");
    return value.get<std::string>();
  }
  void refuse_others() const {
    for (const auto& [key, value] : json_.items()) {
      if (std::ranges::find(known_, key) == known_.end()) {
        refuse(where_, "the unknown key " + in_double_quotes(key),
               joined(known_, [](const std::string& k) { return k; }));
      }
    }
  }

 private:
  const Json& json_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace

std::string knob_text(const DeployConfig& config, std::string_view name) {
  std::string text;
  for_each_knob([&](const auto& knob) {
    if (knob.name == name) text = text_of(config.*knob.field);
  });
  if (text.empty()) refuse("knob", in_double_quotes(name), known_knobs());
  return text;
}

void set_knob(DeployConfig& config, std::string_view name, std::string_view text,
              const std::string& where) {
  bool found = false;
  for_each_knob([&](const auto& knob) {
    if (knob.name != name) return;
    found = true;
    auto& value = config.*knob.field;
    if constexpr (std::is_same_v<decltype(value), int&>) {
      set_integer(value, text, where, knob.least);
    } else {
      set_value(value, text, where);
    }
  });
  if (!found) refuse(where, "the unknown knob " + in_double_quotes(name), known_knobs());
}

std::string to_json(const DeployConfig& config) { return config_json(config).dump(); }

DeployConfig parse_config(std::string_view json, const std::string& where,
                          const DeployConfig& base) {
  return config_from(parse_json(json, where), where, base);
}

std::string to_json(const Deployment& d) {
  Json promised = Json::object();
  for (const auto& [name, value] : d.promised) promised[name] = value;
  Json json{{"schema", kDeploySchema},
            {"model", {{"path", d.model_path.string()}, {"content_hash", d.model_hash}}}};
  if (!d.calibration_path.empty()) {
    json["calibration"] = {{"path", d.calibration_path.string()},
                           {"content_hash", d.calibration_hash}};
  }
  json.update(Json{{"machine", {{"cpu", d.machine_cpu}, {"fingerprint", d.machine_fingerprint}}},
                   {"config", config_json(d.config)},
                   {"kernels", Json::parse(to_json(d.kernels))},
                   {"promised", promised},
                   {"study", d.study},
                   {"build", d.build}});
  return json.dump(2) + "\n";
}

Deployment parse_deployment(std::string_view text, const std::filesystem::path& file) {
  const std::string where = file.string() + ": $";
  const Json json = parse_json(text, file.string());
  Members top(json, where);
  if (const std::string schema = top.string("schema"); schema != kDeploySchema) {
    refuse(where + ".schema", in_double_quotes(schema), in_double_quotes(kDeploySchema));
  }
  Deployment d;
  Members model(top.require("model"), where + ".model");
  d.model_path = model.string("path");
  d.model_hash = model.string("content_hash");
  model.refuse_others();
  if (json.contains("calibration")) {
    Members calibration(top.require("calibration"), where + ".calibration");
    d.calibration_path = calibration.string("path");
    d.calibration_hash = calibration.string("content_hash");
    calibration.refuse_others();
  }
  Members machine(top.require("machine"), where + ".machine");
  d.machine_cpu = machine.string("cpu");
  d.machine_fingerprint = machine.string("fingerprint");
  machine.refuse_others();

  const Json& config = top.require("config");
  if (!config.is_object()) refuse(where + ".config", config.type_name(), "an object of knobs");
  for_each_knob([&](const auto& knob) {
    if (!config.contains(std::string(knob.name))) {
      throw std::runtime_error(where + ".config: the knob " + in_double_quotes(knob.name) +
                               " is missing");
    }
  });
  d.config = config_from(config, where + ".config", {});

  d.kernels = kernel_table_from_json(top.require("kernels").dump(), where + ".kernels");

  const Json& promised = top.require("promised");
  if (!promised.is_object())
    refuse(where + ".promised", promised.type_name(), "an object of numbers");
  for (const auto& [name, value] : promised.items()) {
    if (!value.is_number()) refuse(where + ".promised." + name, value.dump(), "a number");
    d.promised[name] = value.get<double>();
  }
  d.study = top.string("study");
  d.build = top.string("build");
  top.refuse_others();
  return d;
}

Deployment load_deployment(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in)
    throw std::runtime_error(file.string() +
                             ": cannot be read, allowed: a deploy.json of tune; a model alone is "
                             "served by serve --model PATH");
  return parse_deployment(text.str(), file);
}

std::filesystem::path launched_model(const Deployment& deployment,
                                     const std::filesystem::path& file) {
  return file.parent_path() / deployment.model_path;  // an absolute path stays as it is
}

std::unique_ptr<ModelSource> launched_source(std::unique_ptr<ModelSource> source,
                                             const Deployment& deployment,
                                             const std::filesystem::path& file) {
  if (deployment.calibration_path.empty()) return source;
  const std::filesystem::path path = file.parent_path() / deployment.calibration_path;
  TokenSequences sequences = load_calibration_texts(path);
  if (const std::string hash = calibration_hash(sequences); hash != deployment.calibration_hash)
    throw std::runtime_error(path.string() + ": found sequences of the hash " + hash +
                             ", allowed: those of " + deployment.calibration_hash +
                             ", which the config was measured with");
  return calibrated_on(std::move(source), std::move(sequences));
}

std::vector<std::string> mismatches(const Deployment& d, const std::string& model_hash,
                                    const Machine& machine) {
  std::vector<std::string> all;
  if (d.model_hash != model_hash) {
    all.push_back("the model's content hash is " + model_hash + "; the config was measured with " +
                  d.model_hash);
  }
  if (d.machine_fingerprint != machine.fingerprint) {
    all.push_back("this machine (" + machine.cpu + ", " + std::to_string(machine.cores) +
                  " cores, fingerprint " + machine.fingerprint +
                  ") is not the one the config was measured on (" + d.machine_cpu +
                  ", fingerprint " + d.machine_fingerprint + ")");
  }
  return all;
}

}  // namespace paretune
