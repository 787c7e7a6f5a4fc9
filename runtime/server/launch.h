// What `serve` is about to run: a deployment's model and config, with what the command line
// changed, and whether the numbers that were measured still speak for it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/deployment.h"
#include "runtime/server/serve_options.h"

namespace paretune {

// What the user should know before trusting the promised numbers, one line each; empty if they
// hold. Throws std::runtime_error where the model is not the one that was measured, unless `force`.
std::vector<std::string> launch_warnings(const Deployment& deployment, const ServeOptions& options,
                                         const std::string& model_hash, const Machine& machine);

// The config with the command line's knobs in place.
DeployConfig launched_config(DeployConfig config, const ServeOptions& options);

// How requests name the model: "demo" for workloads/demo.gguf, "tinystories" for a folder
// tinystories/.
std::string model_id(const std::filesystem::path& model);

}  // namespace paretune
