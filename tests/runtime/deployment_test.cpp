#include "runtime/deployment.h"

#include <gtest/gtest.h>

#include "tests/runtime/engine/demo_model.h"

namespace paretune {
namespace {

Deployment sample() {
  return {.model_path = "demo.gguf",
          .model_hash = "0123",
          .machine_fingerprint = "4567",
          .machine_cpu = "some CPU",
          .config = default_config(demo_target()),
          .promised = {{"requests_per_s", 12.5}},
          .study = "chat 89ab",
          .build = "paretune 0.1.0"};
}

// The message of what parsing throws, or "".
std::string refusal(const std::string& json) {
  try {
    parse_deployment(json, "deploy.json");
    return "";
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string changed(const std::string& from, const std::string& to) {
  std::string json = to_json(sample());
  const auto at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

TEST(DeploymentTest, RoundTrip) {
  const Deployment read = parse_deployment(to_json(sample()), "deploy.json");
  EXPECT_EQ(read.config, sample().config);
  EXPECT_EQ(read.promised, sample().promised);
  EXPECT_EQ(to_json(read), to_json(sample()));
}

TEST(DeploymentTest, EveryRefusalNamesThePlaceAndWhatIsAllowed) {
  struct Case {
    std::string from, to, place, allowed;
  };
  for (const Case& c : {
           Case{"paretune.deploy/4", "paretune.deploy/9", "$.schema", "paretune.deploy/4"},
           Case{"\"all=bf16\"", "\"all=int3\"", "$.config.weights", "int4_g128"},
           Case{"\"all=bf16\"", "\"mlps=int8\"", "$.config.weights", "gate_up"},
           Case{"\"weights\": \"all", "\"weight\": \"all", "$.config", "weights"},
           Case{"\"max_batch_size\": 8", "\"max_batch_size\": 0", "$.config.max_batch_size",
                "from 1"},
           Case{"\"max_batch_size\": 8", "\"max_batch_size\": 8e999", "not JSON",
                "number overflow"},
           Case{"\"max_batch_size\": 8", "\"max_batch_size\": 8.5", "$.config.max_batch_size",
                "integer"},
           Case{"\"prefix_caching\": true", "\"prefix_caching\": 1", "$.config.prefix_caching",
                "true or false"},
           Case{"\"content_hash\": \"0123\"", "\"content_hash\": 5", "$.model.content_hash",
                "string"},
           Case{"\"study\"", "\"studies\"", "study", "missing"},
           Case{"12.5", "\"fast\"", "$.promised.requests_per_s", "number"},
           Case{"\"build\"", "\"extra\": 1, \"build\"", "extra", "schema"},
       }) {
    const std::string message = refusal(changed(c.from, c.to));
    EXPECT_NE(message.find("deploy.json"), std::string::npos) << message;
    EXPECT_NE(message.find(c.place), std::string::npos) << message;
    EXPECT_NE(message.find(c.allowed), std::string::npos) << message;
  }
  EXPECT_NE(refusal("{\"schema\": "), "");
  EXPECT_NE(refusal("[]"), "");
}

TEST(DeploymentTest, TruncatedAndFlippedFilesAreRefusedOrRead) {
  const std::string json = to_json(sample());
  for (std::size_t n = 0; n + 2 < json.size(); ++n) EXPECT_NE(refusal(json.substr(0, n)), "") << n;
  for (std::size_t i = 0; i < json.size(); ++i) {
    std::string flipped = json;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    refusal(flipped);  // no crash
  }
}

TEST(DeploymentTest, KnobsAsText) {
  DeployConfig config;
  for_each_knob([&](const auto& knob) {
    for (const auto& choice : knob.choices(demo_target())) {
      config.*knob.field = choice;
      DeployConfig other;
      set_knob(other, knob.name, knob_text(config, knob.name), "--flag");
      EXPECT_EQ(other.*knob.field, choice) << knob.name;
    }
  });
  EXPECT_THROW(set_knob(config, "nonsense", "1", "--nonsense"), std::runtime_error);
  EXPECT_THROW(set_knob(config, "max_batch_size", "99999999999", "--max_batch_size"),
               std::runtime_error);
  EXPECT_THROW(set_knob(config, "max_batch_size", "0", "--max_batch_size"), std::runtime_error);
  EXPECT_THROW(set_knob(config, "shard_rows_from", "-1", "--shard_rows_from"), std::runtime_error);
}

TEST(DeploymentTest, MismatchesAreNamed) {
  Machine machine = this_machine();
  Deployment d = sample();
  d.machine_fingerprint = machine.fingerprint;
  EXPECT_TRUE(mismatches(d, "0123", machine).empty());
  EXPECT_EQ(mismatches(d, "9999", machine).size(), 1u);
  d.machine_fingerprint = "other";
  EXPECT_EQ(mismatches(d, "9999", machine).size(), 2u);
}

TEST(CheckConfigTest, RefusesWhatTheMachineCannotHold) {
  const Target target = demo_target();
  DeployConfig config = default_config(target);
  EXPECT_NO_THROW(check_config(config, target));
  config.kv_cache_tokens = 1 << 30;
  EXPECT_THROW(check_config(config, target), std::runtime_error);
  config = default_config(target);
  config.prefill_threads = 1 << 20;
  EXPECT_THROW(load_model(open_model(kDemo), config), std::runtime_error);
}

}  // namespace
}  // namespace paretune
