// serve: runs a deployment behind OpenAI's API until it is told to stop.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>

#include "runtime/model/packed_model.h"
#include "runtime/server/launch.h"
#include "runtime/server/serve_options.h"
#include "runtime/server/server.h"

namespace {

using namespace paretune;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void log_line(LogLevel level, std::string_view text) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::debug("{}", text);
    case LogLevel::info:
      return spdlog::info("{}", text);
    case LogLevel::warning:
      return spdlog::warn("{}", text);
  }
}

// Where packed weights are kept between starts: beside the measurements of `tune`.
std::filesystem::path pack_folder() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return std::filesystem::path(cache) / "paretune" / "packs";
  if (const char* home = std::getenv("HOME"); home && *home)
    return std::filesystem::path(home) / ".cache" / "paretune" / "packs";
  return "packs";
}

// Of the model that a deployment was measured with, which a packed file is made of.
std::string measured_hash(const ModelSource& source, PackCache& packs) {
  return source.as_packed() ? source.as_packed()->recipe().source_hash : packs.model_hash(source);
}

// The config to run, after warning of whatever makes it other than what was measured.
DeployConfig choose_config(const ServeOptions& options, const std::optional<Deployment>& deployment,
                           const ModelSource& source, PackCache& packs) {
  const Machine machine = this_machine();
  if (!deployment) {
    spdlog::warn(
        "no deployment: serving the default config, which nobody measured; `tune` finds a better "
        "one");
    DeployConfig config = default_config({machine, source.shape()});
    if (const PackedModel* packed = source.as_packed()) {
      set_knob(config, "weights", packed->recipe().weights, "recipe");
      set_knob(config, "smoothing", packed->recipe().smoothing, "recipe");
    }
    return launched_config(config, options);
  }
  const auto warnings =
      launch_warnings(*deployment, options, measured_hash(source, packs), machine);
  for (const std::string& warning : warnings) spdlog::warn("{}", warning);
  if (!warnings.empty())
    spdlog::warn("the numbers promised in {} do not hold here", options.deployment.string());
  for (const auto& [metric, value] : deployment->promised) {
    spdlog::info("{}: {} = {}", warnings.empty() ? "promised" : "was promised", metric, value);
  }
  return launched_config(deployment->config, options);
}

void serve(ServeOptions options) {
  std::optional<Deployment> deployment;
  if (!options.deployment.empty()) {
    deployment = load_deployment(options.deployment);
    if (options.model.empty()) options.model = launched_model(*deployment, options.deployment);
  }
  std::unique_ptr<ModelSource> source = open_model(options.model);
  PackCache packs(pack_folder(), PackCache::default_limit(pack_folder()));
  const DeployConfig config = choose_config(options, deployment, *source, packs);

  if (deployment && !source->as_packed()) {
    source = launched_source(std::move(source), *deployment, options.deployment);
  }
  const double load_begin = steady_seconds();
  const LoadedModel loaded = load_model(std::move(source), config,
                                        deployment ? deployment->kernels : KernelTable{}, &packs);
  options.server.names = {model_id(options.model)};
  options.server.names.insert(options.server.names.end(), options.aliases.begin(),
                              options.aliases.end());
  options.server.seed = std::random_device()();
  options.server.stop_on_signals = true;
  options.server.log = log_line;
  const ServerClock clock{.now = steady_seconds, .unix_seconds = [] {
                            return static_cast<std::int64_t>(std::time(nullptr));
                          }};
  Server server(loaded, config, options.server, clock);
  spdlog::info("{} loaded in {:.2f} s; config {}", options.model.string(),
               steady_seconds() - load_begin, to_json(config));
  if (packs.found() > 0) spdlog::info("{} packed matrices came from the pack cache", packs.found());
  if (packs.damaged() > 0) {
    spdlog::warn("{} files of the pack cache in {} were damaged and were packed anew",
                 packs.damaged(), pack_folder().string());
  }
  if (!loaded.chat) spdlog::warn("no chat: {}", loaded.chat_error);
  spdlog::info("{} answers at http://{}:{}/v1", options.server.names.front(), options.server.host,
               server.port());
  server.run();
  spdlog::info("stopped");
}

}  // namespace

int main(int argc, char** argv) try {
  spdlog::set_default_logger(spdlog::stderr_color_mt("serve"));
  const ServeOptions options = parse_serve_options({argv + 1, argv + argc});
  if (options.help) {
    std::fputs(serve_help().c_str(), stdout);
    return 0;
  }
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  serve(options);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "serve: %s\n", error.what());
  return 1;
}
