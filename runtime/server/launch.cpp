#include "runtime/server/launch.h"

#include <stdexcept>

namespace paretune {

std::vector<std::string> launch_warnings(const Deployment& deployment, const ServeOptions& options,
                                         const std::string& model_hash, const Machine& machine) {
  std::vector<std::string> warnings = mismatches(deployment, model_hash, machine);
  if (deployment.model_hash != model_hash && !options.force) {
    std::string reasons;
    for (const std::string& reason : warnings) reasons += reason + "; ";
    throw std::runtime_error(
        options.deployment.string() + ": " + reasons +
        "nothing measured speaks for this model: run `tune` again, or pass --force");
  }
  const DeployConfig launched = launched_config(deployment.config, options);
  for_each_knob([&](const auto& knob) {
    if (launched.*knob.field == deployment.config.*knob.field) return;
    warnings.push_back(std::string(knob.name) + " is " + knob_text(launched, knob.name) +
                       " and was measured with " + knob_text(deployment.config, knob.name));
  });
  return warnings;
}

DeployConfig launched_config(DeployConfig config, const ServeOptions& options) {
  for (const auto& [knob, value] : options.knobs) set_knob(config, knob, value, "--" + knob);
  return config;
}

std::string model_id(const std::filesystem::path& model) {
  const std::filesystem::path named = std::filesystem::absolute(model).lexically_normal();
  const std::filesystem::path last =
      named.has_filename() ? named : named.parent_path();  // "folder/"
  return last.extension() == ".gguf" ? last.stem().string() : last.filename().string();
}

}  // namespace paretune
