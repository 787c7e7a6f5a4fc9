#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "runtime/model/model_source.h"

namespace paretune {

inline std::vector<float> read_all(const ModelSource& source, Weight weight, int layer) {
  const auto [rows, columns] = source.weight_shape(weight);
  std::vector<float> values(static_cast<std::size_t>(rows) * columns);
  source.read_rows(weight, layer, 0, rows, values);
  return values;
}

// Hyper-parameters and every weight.
inline void expect_same_model(const ModelSource& a, const ModelSource& b) {
  ASSERT_EQ(a.shape(), b.shape());
  for (const WeightInfo& info : kWeights) {
    if (!a.has_weight(info.weight)) continue;
    for (int layer = 0; layer < instances(info, a.shape()); ++layer) {
      EXPECT_EQ(read_all(a, info.weight, layer), read_all(b, info.weight, layer))
          << info.name << " " << layer;
    }
  }
}

}  // namespace paretune
