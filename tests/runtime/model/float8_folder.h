#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/model/tensor_types.h"
#include "tests/runtime/model/tiny_folder.h"

namespace paretune {

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

}  // namespace paretune
