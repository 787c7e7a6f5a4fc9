// The reference: what every other variant must agree with. Plain loops over the packed bytes.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/grouped_scalar.h"
#include "kernels/matmul_kernels.h"
#include "kernels/narrow_float.h"
#include "kernels/prepared.h"

namespace paretune {
namespace {

float read_f32(const std::byte* from) {
  float value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void int8_by_row(const std::byte* prepared, int m, const PackedMatrix& w, float* y,
                 std::size_t ldy) {
  const Int8Rows rows(w.k, 0);
  for (int j = 0; j < w.n; ++j) {
    const int column = j % kPanelColumns;
    const std::byte* panel = w.data.data() + std::size_t(j / kPanelColumns) * int8_panel_bytes(w.k);
    const auto* codes = reinterpret_cast<const std::int8_t*>(panel);
    const float scale = read_f32(panel + std::size_t(rows.kp) * kPanelColumns + 4 * column);
    for (int i = 0; i < m; ++i) {
      const std::byte* row = prepared + std::size_t(i) * rows.stride;
      const auto* a = reinterpret_cast<const std::int8_t*>(row);
      std::int32_t sum = 0;
      for (int l = 0; l < rows.kp; ++l) sum += codes[int8_index(l, column)] * a[l];
      y[i * ldy + j] = float(sum) * scale * read_f32(row + rows.scale_at());
    }
  }
}

// Sums of whole groups are integers; the rest is rounded as the vector kernels do it.
template <class G>
void int8_by_group(const std::byte* prepared, int m, const PackedMatrix& w, float* y,
                   std::size_t ldy) {
  const Int8Rows rows(w.k, G::kGroup);
  for (int j = 0; j < w.n; ++j) {
    const auto* panel = reinterpret_cast<const std::uint8_t*>(w.data.data()) +
                        std::size_t(j / kPanelColumns) * G::panel_bytes(w.k);
    const int column = j % kPanelColumns;
    for (int i = 0; i < m; ++i) {
      const std::byte* row = prepared + std::size_t(i) * rows.stride;
      const auto* a = reinterpret_cast<const std::int8_t*>(row);
      float sum = 0;
      for (int g = 0; g < rows.groups; ++g) {
        const GroupValue group = group_value<G>(panel, g, column);
        std::int32_t group_sum = 0, activations = 0;
        for (int l = g * G::kGroup; l < std::min((g + 1) * G::kGroup, rows.kp); ++l) {
          group_sum += (code_at<G>(panel, l, column) - group.zero) * a[l];
          activations += a[l];
        }
        sum = std::fma(float(group_sum), group.scale, sum);
        if constexpr (G::kMinimum) sum = std::fma(float(-activations), group.minimum, sum);
      }
      y[i * ldy + j] = sum * read_f32(row + rows.scale_at());
    }
  }
}

}  // namespace

template <const WeightFormat& W>
void f32_scalar(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
                std::size_t ldy) {
  const auto* x = reinterpret_cast<const float*>(prepared);
  const std::size_t stride = f32_row_stride(w.k);
  std::vector<float> weights(w.k);
  for (int j = 0; j < w.n; ++j) {
    W.unpack_row(w.data, w.n, w.k, j, weights);
    for (int i = 0; i < m; ++i) {
      float sum = 0;
      for (int l = 0; l < w.k; ++l) sum = std::fma(weights[l], x[i * stride + l], sum);
      y[i * ldy + j] = sum;
    }
  }
}
template Run f32_scalar<kF32>;
template Run f32_scalar<kBf16>;
template Run f32_scalar<kInt8>;
template Run f32_scalar<kInt4G32>;
template Run f32_scalar<kInt4G64>;
template Run f32_scalar<kInt4G128>;
template Run f32_scalar<kInt4G256>;
template Run f32_scalar<kInt8G32>;
template Run f32_scalar<kQ6K>;
template Run f32_scalar<kQ4K>;
template Run f32_scalar<kInt3G32>;
template Run f32_scalar<kInt3G64>;
template Run f32_scalar<kInt3G128>;
template Run f32_scalar<kInt2G64>;
template Run f32_scalar<kNf4G64>;
template Run f32_scalar<kNf3G64>;
template Run f32_scalar<kIq4Nl>;
template Run f32_scalar<kQ40>;
template Run f32_scalar<kInt2G32>;

void bf16_scalar(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
                 std::size_t ldy) {
  const auto* x = reinterpret_cast<const std::uint16_t*>(prepared);
  const std::size_t stride = bf16_row_stride(w.k);
  std::vector<float> weights(w.k);
  for (int j = 0; j < w.n; ++j) {
    kBf16.unpack_row(w.data, w.n, w.k, j, weights);
    for (int i = 0; i < m; ++i) {
      float sum = 0;
      for (int l = 0; l < w.k; ++l) {
        sum = std::fma(weights[l], bf16_to_f32(x[i * stride + l]), sum);
      }
      y[i * ldy + j] = sum;
    }
  }
}

template <const WeightFormat& W>
void int8_scalar(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
                 std::size_t ldy) {
  if constexpr (kGroup<W> == 0) {
    int8_by_row(prepared, m, w, y, ldy);
  } else {
    int8_by_group<GridOf<W>>(prepared, m, w, y, ldy);
  }
}
template Run int8_scalar<kInt8>;
template Run int8_scalar<kInt4G32>;
template Run int8_scalar<kInt4G64>;
template Run int8_scalar<kInt4G128>;
template Run int8_scalar<kInt4G256>;
template Run int8_scalar<kInt8G32>;
template Run int8_scalar<kQ6K>;
template Run int8_scalar<kQ4K>;
template Run int8_scalar<kInt3G32>;
template Run int8_scalar<kInt3G64>;
template Run int8_scalar<kInt3G128>;
template Run int8_scalar<kInt2G64>;
template Run int8_scalar<kNf4G64>;
template Run int8_scalar<kNf3G64>;
template Run int8_scalar<kIq4Nl>;
template Run int8_scalar<kQ40>;
template Run int8_scalar<kInt2G32>;

}  // namespace paretune
