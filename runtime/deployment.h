// deploy.json: the file that `tune` emits and `serve` runs. Schema: runtime/deploy.schema.json.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/model/model_source.h"

namespace paretune {

struct Deployment {
  std::filesystem::path model_path;  // absolute, or relative to the file's folder as written
  std::string model_hash;            // content hash of the model that this config was measured with
  // What its weights are calibrated on (compression/calibration_texts.h), relative as model_path;
  // empty: the model's own samples.
  std::filesystem::path calibration_path;
  std::string calibration_hash;
  std::string machine_fingerprint;  // of the machine it was measured on
  std::string machine_cpu;
  DeployConfig config;
  KernelTable kernels;  // what the kernel "tuned" means in this config
  std::map<std::string, double>
      promised;       // metric name with unit -> value measured by the study, for people
  std::string study;  // name of the workload and id of the study
  std::string build;  // version of paretune that measured it
};

// Reads the file. Throws as parse_deployment, and where it cannot be read.
Deployment load_deployment(const std::filesystem::path& file);

// The model's path; the deployment's own is relative to the folder of `file`.
std::filesystem::path launched_model(const Deployment& deployment,
                                     const std::filesystem::path& file);

// The model with the texts that its weights are calibrated on, where the deployment names some.
// Throws std::runtime_error where they are not those that were measured.
std::unique_ptr<ModelSource> launched_source(std::unique_ptr<ModelSource> source,
                                             const Deployment& deployment,
                                             const std::filesystem::path& file);

// Both refuse unknown keys and values with the known ones, naming `file` and the JSON path.
Deployment parse_deployment(std::string_view json, const std::filesystem::path& file);
std::string to_json(const Deployment& deployment);

// A config alone, as a JSON object with the knobs in the order of kKnobs. Missing knobs of a parsed
// one keep `base`.
std::string to_json(const DeployConfig& config);
DeployConfig parse_config(std::string_view json, const std::string& where,
                          const DeployConfig& base);

// A knob's value as text ("int4_g32", "256", "true"), and back; text that is not a legal value
// throws with those that are. An unknown knob throws with the known ones.
std::string knob_text(const DeployConfig& config, std::string_view knob);
void set_knob(DeployConfig& config, std::string_view knob, std::string_view text,
              const std::string& where);

// In what way this model and machine differ from those of the measurement; empty if they do not.
std::vector<std::string> mismatches(const Deployment& deployment, const std::string& model_hash,
                                    const Machine& machine);

}  // namespace paretune
