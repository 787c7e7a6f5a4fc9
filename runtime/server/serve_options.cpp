#include "runtime/server/serve_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "runtime/deployment.h"

namespace paretune {
namespace {

// What is wrong with a value, behind the flag's name.
[[noreturn]] void refuse_value(std::string_view expected, std::string_view found) {
  throw std::runtime_error("expected " + std::string(expected) + ", found \"" + std::string(found) +
                           "\"");
}

int parse_int(std::string_view text, int least, int most) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    refuse_value("an integer from " + std::to_string(least) + " to " + std::to_string(most), text);
  }
  return value;
}

void set_log_level(ServeOptions& options, std::string_view value) {
  if (std::ranges::find(kLogLevels, value) == kLogLevels.end()) {
    std::string known;
    for (const std::string_view level : kLogLevels)
      known += (known.empty() ? "" : ", ") + std::string(level);
    refuse_value("one of " + known, value);
  }
  options.log_level = value;
}

struct Flag {
  std::string_view name;
  std::string_view value;  // what it takes; "": nothing
  std::string_view help;
  void (*set)(ServeOptions&, std::string_view value);
};

constexpr std::array kFlags{
    Flag{"--model", "PATH",
         "the model: a .gguf file or a Hugging Face folder, in place of the deployment's",
         [](ServeOptions& o, std::string_view v) { o.model = v; }},
    Flag{"--alias", "NAME", "a further name of the model in requests; may be repeated",
         [](ServeOptions& o, std::string_view v) { o.aliases.emplace_back(v); }},
    Flag{"--host", "ADDRESS", "where to listen (127.0.0.1; 0.0.0.0 for everyone)",
         [](ServeOptions& o, std::string_view v) { o.server.host = v; }},
    Flag{"--port", "PORT", "where to listen (8080; 0 takes a free one)",
         [](ServeOptions& o, std::string_view v) { o.server.port = parse_int(v, 0, 65535); }},
    Flag{"--max-queue", "N", "sequences that may wait beside those that run (256); beyond it, 429",
         [](ServeOptions& o, std::string_view v) {
           o.server.max_queue = parse_int(v, 0, 1'000'000);
         }},
    Flag{"--drain", "SECONDS", "time for running requests to finish when told to stop (10)",
         [](ServeOptions& o, std::string_view v) {
           o.server.drain_time = std::chrono::seconds(parse_int(v, 0, 86400));
         }},
    Flag{"--log-level", "LEVEL", "debug, info, warning, error or off (info)", set_log_level},
    Flag{"--force", "", "serve even if the model is not the one that was measured",
         [](ServeOptions& o, std::string_view) { o.force = true; }},
    Flag{"--help", "", "this text", [](ServeOptions& o, std::string_view) { o.help = true; }},
};

bool is_knob(std::string_view name) {
  bool found = false;
  for_each_knob([&](const auto& knob) { found = found || knob.name == name; });
  return found;
}

std::string known_flags() {
  std::string known;
  for (const Flag& flag : kFlags) known += std::string(flag.name) + ", ";
  for_each_knob([&](const auto& knob) { known += "--" + std::string(knob.name) + ", "; });
  return known.substr(0, known.size() - 2);
}

// The arguments, one at a time; "--name=value" counts as two.
class Arguments {
 public:
  explicit Arguments(std::span<const char* const> args) : rest_(args) {}

  bool empty() const { return rest_.empty(); }

  std::string_view flag() {
    const std::string_view text = take();
    const std::size_t equals = text.starts_with("--") ? text.find('=') : std::string_view::npos;
    if (equals != std::string_view::npos) value_ = text.substr(equals + 1);
    return text.substr(0, equals);
  }
  std::string_view value(std::string_view flag, std::string_view what) {
    if (value_) return *std::exchange(value_, std::nullopt);
    if (rest_.empty())
      throw std::runtime_error(std::string(flag) + ": " + std::string(what) + " is missing");
    return take();
  }
  void no_value(std::string_view flag) const {
    if (value_)
      throw std::runtime_error(std::string(flag) + ": takes no value, found \"" +
                               std::string(*value_) + "\"");
  }

 private:
  std::string_view take() {
    const std::string_view text = rest_.front();
    rest_ = rest_.subspan(1);
    return text;
  }

  std::span<const char* const> rest_;
  std::optional<std::string_view> value_;
};

void set_flag(ServeOptions& options, const Flag& flag, Arguments& arguments) {
  if (flag.value.empty()) {
    arguments.no_value(flag.name);
    return flag.set(options, "");
  }
  const std::string_view value = arguments.value(flag.name, flag.value);
  try {
    flag.set(options, value);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string(flag.name) + ": " + error.what());
  }
}

}  // namespace

ServeOptions parse_serve_options(std::span<const char* const> args) {
  ServeOptions options;
  Arguments arguments(args);
  while (!arguments.empty()) {
    const std::string_view name = arguments.flag();
    if (!name.starts_with("--")) {
      if (!options.deployment.empty()) {
        throw std::runtime_error("one deployment at a time: found " + options.deployment.string() +
                                 " and " + std::string(name));
      }
      options.deployment = name;
      continue;
    }
    const auto flag = std::ranges::find(kFlags, name, &Flag::name);
    if (flag != kFlags.end()) {
      set_flag(options, *flag, arguments);
    } else if (is_knob(name.substr(2))) {
      const std::string knob(name.substr(2));
      const std::string value(arguments.value(name, "value"));
      DeployConfig scratch;
      set_knob(scratch, knob, value, std::string(name));  // throws here, before anything is loaded
      options.knobs.emplace_back(knob, value);
    } else {
      throw std::runtime_error("unknown flag " + std::string(name) + "; known: " + known_flags());
    }
  }
  if (!options.help && options.deployment.empty() && options.model.empty()) {
    throw std::runtime_error(
        "what to serve is missing: serve deploy.json, or serve --model PATH (see --help)");
  }
  return options;
}

std::string serve_help() {
  std::string text =
      "serve DEPLOY.JSON [flags]     answers OpenAI's API with a deployment that `tune` emitted\n"
      "serve --model PATH [flags]    the same, untuned\n\n";
  const auto line = [&](const std::string& flag, std::string_view help) {
    text += "  " + flag + std::string(flag.size() < 28 ? 28 - flag.size() : 1, ' ') +
            std::string(help) + "\n";
  };
  for (const Flag& flag : kFlags) {
    line(std::string(flag.name) + (flag.value.empty() ? "" : " ") + std::string(flag.value),
         flag.help);
  }
  text += "\nKnobs, in place of the deployment's:\n";
  for_each_knob(
      [&](const auto& knob) { line("--" + std::string(knob.name) + " VALUE", knob.help); });
  return text;
}

}  // namespace paretune
