// Casts activations to what the kernels read (prepared.h).
#include <algorithm>
#include <cstring>

#include "kernels/elementwise_kernels.h"
#include "kernels/matmul_kernels.h"
#include "kernels/narrow_float.h"
#include "kernels/prepared.h"

namespace paretune {
namespace {

// AMX loads whole tiles of 16 rows; what the rows past m hold does not matter.
std::size_t whole_tiles(int m) { return (std::size_t(m) + 15) / 16 * 16; }

}  // namespace

std::size_t f32_row_bytes(int k) { return f32_row_stride(k) * sizeof(float); }
std::size_t bf16_row_bytes(int k) { return bf16_row_stride(k) * sizeof(std::uint16_t); }
std::size_t int8_row_bytes(int k, int group) { return Int8Rows(k, group).stride; }

std::size_t f32_rows_bytes(int m, int k) { return std::size_t(m) * f32_row_bytes(k); }
std::size_t bf16_rows_bytes(int m, int k) { return whole_tiles(m) * bf16_row_bytes(k); }
std::size_t int8_rows_bytes(int m, int k, int group) {
  return whole_tiles(m) * int8_row_bytes(k, group);
}

void prepare_f32(const float* x, int, int k, int row_begin, int row_end, std::byte* prepared) {
  const std::size_t stride = f32_row_stride(k);
  for (int i = row_begin; i < row_end; ++i) {
    float* row = reinterpret_cast<float*>(prepared) + std::size_t(i) * stride;
    std::copy_n(x + std::size_t(i) * k, k, row);
    std::fill(row + k, row + padded_k(k), 0.0f);
  }
}

void prepare_bf16(const float* x, int, int k, int row_begin, int row_end, std::byte* prepared) {
  const std::size_t stride = bf16_row_stride(k);
  for (int i = row_begin; i < row_end; ++i) {
    const float* from = x + std::size_t(i) * k;
    auto* row = reinterpret_cast<std::uint16_t*>(prepared) + std::size_t(i) * stride;
    std::transform(from, from + k, row, f32_to_bf16);
    std::fill(row + k, row + padded_k(k), std::uint16_t{0});
  }
}

void prepare_bf16_as_f32(const float* x, int, int k, int row_begin, int row_end,
                         std::byte* prepared) {
  const std::size_t stride = f32_row_stride(k);
  for (int i = row_begin; i < row_end; ++i) {
    const float* from = x + std::size_t(i) * k;
    float* row = reinterpret_cast<float*>(prepared) + std::size_t(i) * stride;
    std::transform(from, from + k, row, [](float v) { return bf16_to_f32(f32_to_bf16(v)); });
    std::fill(row + k, row + padded_k(k), 0.0f);
  }
}

void prepare_int8_scalar(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                         int group, float reach) {
  const Int8Rows rows(k, group);
  for (int i = row_begin; i < row_end; ++i) {
    const float* from = x + std::size_t(i) * k;
    std::byte* row = prepared + std::size_t(i) * rows.stride;
    auto* codes = reinterpret_cast<std::int8_t*>(row);
    const float scale = kElementwiseScalar.quantize_int8({from, std::size_t(k)},
                                                         {codes, std::size_t(rows.kp)}, reach);
    for (int g = 0; g < rows.groups; ++g) {
      std::int32_t sum = 0;
      for (int j = g * rows.group; j < std::min((g + 1) * rows.group, rows.kp); ++j)
        sum -= codes[j];
      std::memcpy(row + rows.sums_at() + std::size_t(g) * 4, &sum, 4);
    }
    std::memcpy(row + rows.scale_at(), &scale, 4);
  }
}

}  // namespace paretune
