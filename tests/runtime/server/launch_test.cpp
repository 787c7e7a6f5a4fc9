#include "runtime/server/launch.h"

#include <gtest/gtest.h>

#include "runtime/compression/calibration_texts.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

const Machine kMachine{.cpu = "Some CPU", .cores = 2, .fingerprint = "m1"};

Deployment deployment() {
  return {.model_path = "models/demo.gguf",
          .model_hash = "h1",
          .machine_fingerprint = "m1",
          .machine_cpu = "Some CPU"};
}
ServeOptions options() {
  ServeOptions options;
  options.deployment = "out/deploy.json";
  return options;
}

TEST(Launch, TheModelsPathIsRelativeToTheDeployment) {
  EXPECT_EQ(launched_model(deployment(), "out/deploy.json"), "out/models/demo.gguf");
  Deployment absolute = deployment();
  absolute.model_path = "/models/demo.gguf";
  EXPECT_EQ(launched_model(absolute, "out/deploy.json"), "/models/demo.gguf");
}

TEST(Launch, SaysNothingWhereTheMeasurementHolds) {
  EXPECT_TRUE(launch_warnings(deployment(), options(), "h1", kMachine).empty());
}

TEST(Launch, WarnsOnAnotherMachine) {
  Machine other = kMachine;
  other.fingerprint = "m2";
  EXPECT_EQ(launch_warnings(deployment(), options(), "h1", other).size(), 1u);
}

TEST(Launch, RefusesAnotherModelUnlessForced) {
  try {
    launch_warnings(deployment(), options(), "h2", kMachine);
    ADD_FAILURE() << "served a model that was never measured";
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    for (const char* part : {"out/deploy.json", "h1", "h2", "--force"})
      EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  ServeOptions forced = options();
  forced.force = true;
  EXPECT_EQ(launch_warnings(deployment(), forced, "h2", kMachine).size(), 1u);
}

TEST(Launch, WarnsOfEachKnobThatTheCommandLineChanged) {
  ServeOptions changed = options();
  changed.knobs = {{"prefill_chunk", "64"}, {"max_batch_size", "8"}};  // the second is what it was
  Deployment measured = deployment();
  measured.config.prefill_chunk = 128;
  measured.config.max_batch_size = 8;
  const auto warnings = launch_warnings(measured, changed, "h1", kMachine);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "prefill_chunk is 64 and was measured with 128");
  EXPECT_EQ(launched_config(measured.config, changed).prefill_chunk, 64);
}

TEST(Launch, AModelIsNamedAfterItsFileOrFolder) {
  EXPECT_EQ(model_id("workloads/demo/demo.gguf"), "demo");
  EXPECT_EQ(model_id("/models/llama-3.2-1b/"), "llama-3.2-1b");
  EXPECT_EQ(model_id("/models/llama-3.2-1b"), "llama-3.2-1b");
}

TEST(Launch, TheTextsOfCalibrationAreThoseOfTheDeployment) {
  const TemporaryFolder folder;
  const TokenSequences sequences{{1, 2, 3}};
  std::ofstream(folder.path() / "calibration.json") << to_json(sequences);
  Deployment measured{.model_path = kDemo,
                      .calibration_path = "calibration.json",
                      .calibration_hash = calibration_hash(sequences),
                      .config = default_config(demo_target())};
  measured = parse_deployment(to_json(measured), "deploy.json");
  const auto source = launched_source(open_model(kDemo), measured, folder.path() / "deploy.json");
  ASSERT_EQ(source->calibration_texts().size(), 1u);
  EXPECT_EQ(source->calibration_texts()[0], sequences[0]);

  measured.calibration_hash = "other";
  EXPECT_THROW(launched_source(open_model(kDemo), measured, folder.path() / "deploy.json"),
               std::runtime_error);
}

}  // namespace
}  // namespace paretune
