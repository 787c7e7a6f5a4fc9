#include "runtime/server/serve_options.h"

#include <gtest/gtest.h>

#include "runtime/deployment.h"

namespace paretune {
namespace {

ServeOptions parse_options(std::vector<const char*> args) { return parse_serve_options(args); }

std::string refusal(std::vector<const char*> args) {
  try {
    parse_serve_options(args);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(ServeOptions, HaveSafeDefaults) {
  const ServeOptions options = parse_options({"deploy.json"});
  EXPECT_EQ(options.deployment, "deploy.json");
  EXPECT_EQ(options.server.host, "127.0.0.1");
  EXPECT_EQ(options.server.port, 8080);
  EXPECT_FALSE(options.force);
}

TEST(ServeOptions, TakeValuesInBothSpellings) {
  const ServeOptions options =
      parse_options({"--model", "m.gguf", "--port=0", "--alias", "a", "--alias=b", "--max-queue",
                     "5", "--drain=3", "--log-level", "debug", "--force", "--host", "0.0.0.0"});
  EXPECT_EQ(options.model, "m.gguf");
  EXPECT_EQ(options.server.port, 0);
  EXPECT_EQ(options.aliases, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(options.server.max_queue, 5);
  EXPECT_EQ(options.server.drain_time, std::chrono::seconds(3));
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.server.host, "0.0.0.0");
  EXPECT_TRUE(options.force);
}

TEST(ServeOptions, EveryKnobIsAFlagAndInTheHelp) {
  const std::string help = serve_help();
  for_each_knob([&](const auto& knob) {
    const std::string flag = "--" + std::string(knob.name);
    const std::string value = knob_text(DeployConfig{}, knob.name);
    const ServeOptions options = parse_options({"deploy.json", flag.c_str(), value.c_str()});
    ASSERT_EQ(options.knobs.size(), 1u);
    EXPECT_EQ(options.knobs[0], std::pair(std::string(knob.name), value));
    EXPECT_NE(help.find(flag + " "), std::string::npos);
    EXPECT_NE(refusal({"deploy.json", flag.c_str(), "?"}).find(flag), std::string::npos);
  });
}

TEST(ServeOptions, RefuseByNameWithWhatIsAllowed) {
  EXPECT_NE(refusal({}).find("serve deploy.json"), std::string::npos);
  EXPECT_NE(refusal({"a.json", "b.json"}).find("b.json"), std::string::npos);
  EXPECT_EQ(refusal({"a.json", "--port", "70000"}),
            "--port: expected an integer from 0 to 65535, found \"70000\"");
  EXPECT_EQ(refusal({"a.json", "--port", "80x"}),
            "--port: expected an integer from 0 to 65535, found \"80x\"");
  EXPECT_EQ(refusal({"a.json", "--port"}), "--port: PORT is missing");
  EXPECT_EQ(refusal({"a.json", "--force=yes"}), "--force: takes no value, found \"yes\"");
  EXPECT_EQ(refusal({"a.json", "--log-level", "loud"}),
            "--log-level: expected one of debug, info, warning, error, off, found \"loud\"");
  const std::string unknown = refusal({"a.json", "--prot", "1"});
  EXPECT_TRUE(unknown.starts_with("unknown flag --prot; known: --model, ")) << unknown;
  EXPECT_NE(unknown.find("--prefill_chunk"), std::string::npos);
}

TEST(ServeOptions, HelpNeedsNothingElse) { EXPECT_TRUE(parse_options({"--help"}).help); }

}  // namespace
}  // namespace paretune
