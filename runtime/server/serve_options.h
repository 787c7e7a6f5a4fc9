// The command line of `serve`. Every knob of a deployment is a flag by its own name,
// "--prefill_chunk 128".
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/server/server.h"

namespace paretune {

struct ServeOptions {
  std::filesystem::path deployment;  // deploy.json; empty: the model alone, untuned
  std::filesystem::path model;       // empty: the deployment's
  std::vector<std::pair<std::string, std::string>> knobs;  // name and value, in the order given
  std::vector<std::string> aliases;                        // further names of the model
  ServerOptions server;
  std::string log_level = "info";  // one of kLogLevels
  bool force = false;              // serve a model other than the measured one
  bool help = false;
};

inline constexpr std::array<std::string_view, 5> kLogLevels{"debug", "info", "warning", "error",
                                                            "off"};

// args: without the program's name. Throws std::runtime_error naming the flag and what it takes.
ServeOptions parse_serve_options(std::span<const char* const> args);

std::string serve_help();

}  // namespace paretune
