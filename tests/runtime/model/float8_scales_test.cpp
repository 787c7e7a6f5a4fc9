#include "runtime/model/float8_scales.h"

#include <gtest/gtest.h>

#include "runtime/model/tensor_types.h"
#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/tiny_folder.h"

namespace paretune {
namespace {

// One matrix of a folder as FP8 with scales; the old bytes stay behind, unused tensors do not.
struct Float8Folder : TinyFolder {
  Float8Folder(const std::string& suffix, const std::vector<std::uint64_t>& scale_dims,
               const std::vector<float>& scales) {
    config["quantization_config"] = {{"quant_method", "fp8"}, {"weight_block_size", {4, 4}}};
    const nlohmann::json all = header;
    const Bytes old = data;
    header.clear();
    data.clear();
    for (const auto& [name, tensor] : all.items()) {
      const std::size_t begin = tensor["data_offsets"][0], end = tensor["data_offsets"][1];
      const auto dims = tensor["shape"].get<std::vector<std::uint64_t>>();
      if (name == kName) {
        for (std::size_t i = 0; i < dims[0] * dims[1]; ++i)
          codes.push_back(std::byte(i * 37 % 127 + i % 2 * 128));
        add(name, dims, "F8_E4M3", codes);
      } else {
        add(name, dims, "F32",
            Bytes(old.begin() + std::ptrdiff_t(begin), old.begin() + std::ptrdiff_t(end)));
      }
    }
    if (!scales.empty()) add(kName + suffix, scale_dims, scales);
    add("model.layers.1.mlp.down_proj.input_scale", {1}, std::vector<float>{3});
  }
  // scale(row, column)
  template <class Scale>
  void expect(Scale&& scale) const {
    const auto source = open();
    const auto [rows, columns] = source->weight_shape(Weight::ffn_down);
    std::vector<float> values(codes.size()), row(static_cast<std::size_t>(columns));
    f8_e4m3_to_float(codes, values);
    for (int i = rows - 1; i >= 0; --i) {
      source->read_rows(Weight::ffn_down, 1, i, i + 1, row);
      for (int j = 0; j < columns; ++j) {
        EXPECT_EQ(row[static_cast<std::size_t>(j)],
                  values[static_cast<std::size_t>(i * columns + j)] * scale(i, j))
            << i << ' ' << j;
      }
    }
    EXPECT_EQ(source->source_format(Weight::ffn_down, 1), "F8_E4M3");
  }
  static inline const std::string kName = "model.layers.1.mlp.down_proj.weight";
  Bytes codes;
};

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
