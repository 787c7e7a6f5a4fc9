#include "runtime/model/float8_scales.h"

#include <gtest/gtest.h>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/float8_folder.h"

namespace paretune {
namespace {

TEST(Float8Scales, MatricesAreTimesTheirScales) {
  const ModelShape shape = tiny_shape();
  const auto rows = static_cast<std::uint64_t>(shape.d_model),
             columns = static_cast<std::uint64_t>(shape.d_ff);
  Float8Folder("_scale", {}, {0.5f}).expect([](int, int) { return 0.5f; });
  std::vector<float> by_row(rows);
  for (std::size_t i = 0; i < rows; ++i) by_row[i] = 0.25f * float(i + 1);
  Float8Folder("_scale", {rows, 1}, by_row).expect([&](int i, int) {
    return by_row[static_cast<std::size_t>(i)];
  });
  const std::uint64_t down = (rows + 3) / 4, across = (columns + 3) / 4;
  std::vector<float> blocks(down * across);
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = 0.125f * float(i + 1);
  Float8Folder("_scale_inv", {down, across}, blocks).expect([&](int i, int j) {
    return blocks[static_cast<std::size_t>(i / 4) * across + static_cast<std::size_t>(j / 4)];
  });
}

TEST(Float8Scales, MatricesWithoutScalesOfTheirDimsAreRefused) {
  expect_error([] { Float8Folder("", {}, {}).open(); }, "is F8_E4M3 and has no");
  expect_error([] { Float8Folder("_scale", {3}, {1, 1, 1}).open(); }, "found other dims than");
  Float8Folder stray("_scale", {}, {1});  // of a matrix that is not FP8: it would be left out
  stray.add("model.layers.0.mlp.down_proj.weight_scale", {1}, std::vector<float>{2});
  expect_error([&] { stray.open(); }, "down_proj.weight_scale' is not part of");
  Float8Folder odd("_scale", {}, {1});
  odd.config["quantization_config"]["weight_block_size"] = {128, 64};
  expect_error([&] { odd.open(); }, "weight_block_size: found [128,64]; allowed: [128, 128]");
}

}  // namespace
}  // namespace paretune
