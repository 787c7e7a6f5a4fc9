#include "runtime/compression/calibration_texts.h"

#include <gtest/gtest.h>

#include "runtime/compression/calibration.h"
#include "tests/refusal.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {
namespace {

TEST(CalibrationTexts, EveryDocumentGivesItsFirstWindowFirst) {
  const TokenSequences documents{std::vector<int>(300, 1), std::vector<int>(20, 2), {}};
  const TokenSequences windows = calibration_windows(documents, 512);
  ASSERT_EQ(windows.size(), 3u);
  EXPECT_EQ(windows[0], std::vector<int>(256, 1));
  EXPECT_EQ(windows[1], std::vector<int>(20, 2));
  EXPECT_EQ(windows[2], std::vector<int>(44, 1));
  EXPECT_EQ(calibration_windows(documents, 100)[0].size(), 100u);

  std::size_t tokens = 0;
  for (const auto& window : calibration_windows(TokenSequences(500, documents[0]), 512))
    tokens += window.size();
  EXPECT_EQ(tokens, std::size_t(Calibration::kSequences * Calibration::kTokens));
}

TEST(CalibrationTexts, TheFileIsReadAsWrittenAndElseRefused) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "calibration.json";
  const TokenSequences sequences{{1, 2, 3}, {4}};
  std::ofstream(file) << to_json(sequences);
  EXPECT_EQ(load_calibration_texts(file), sequences);
  EXPECT_NE(calibration_hash(sequences), calibration_hash({{1, 2}, {3, 4}}));

  for (const char* text : {"", "[]", "{\"sequences\": [[1]]}",
                           "{\"schema\": \"paretune.calibration/1\", \"sequences\": []}",
                           "{\"schema\": \"paretune.calibration/1\", \"sequences\": [[]]}",
                           "{\"schema\": \"paretune.calibration/1\", \"sequences\": [[-1]]}",
                           "{\"schema\": \"paretune.calibration/1\", \"sequences\": [[1.5]]}"}) {
    std::ofstream(file) << text;
    EXPECT_NE(refusal([&] { load_calibration_texts(file); }).find(file.string()), std::string::npos)
        << text;
  }
  EXPECT_NE(refusal([&] {
              calibrated_on(open_model(kDemo), {{1, 1 << 29}});
            }).find("allowed: 0 to"),
            std::string::npos);
}

// Statistics are of the texts, what is packed is kept apart, and the same texts give the same.
TEST(CalibrationTexts, TheModelIsCalibratedOnThem) {
  const SyntheticModel tiny("tiny");
  const TokenSequences texts(48, std::vector<int>(256, 65));
  const auto mean_square = [](const ModelSource& source) {
    return calibrate(source, nullptr).statistics(InputSite::qkv, 0).mean_squares[0];
  };
  const auto own = tiny.open(), on_texts = calibrated_on(tiny.open(), texts),
             again = calibrated_on(tiny.open(), texts);
  EXPECT_EQ(own->variant(), "");
  EXPECT_NE(on_texts->variant(), "");
  EXPECT_EQ(on_texts->variant(), again->variant());
  const float of_texts = mean_square(*on_texts);
  EXPECT_NE(of_texts, mean_square(*own));
  EXPECT_EQ(of_texts, mean_square(*again));

  DeployConfig config = default_config({this_machine(), own->shape()});
  config.weights = parse_policy("mlp=int3_g64:gptq", "test");
  const auto logits = [&](std::unique_ptr<ModelSource> source) {
    const LoadedModel model = load_model(std::move(source), config);
    return last_logits(model, config, {1, 2, 3});
  };
  EXPECT_NE(logits(tiny.open()), logits(calibrated_on(tiny.open(), texts)));
}

}  // namespace
}  // namespace paretune
