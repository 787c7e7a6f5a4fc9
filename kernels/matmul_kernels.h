// The functions behind the rows of matmul_variants(), named <activations>_<instructions> and
// instantiated for the weights that each reads. All have the signatures of MatmulVariant.
#pragma once

#include "kernels/grouped.h"
#include "kernels/matmul.h"

namespace paretune {

using Run = void(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk,
                 float* y, std::size_t ldy);

// Weights along k that share a scale, 0: the whole row.
template <const WeightFormat& W>
inline constexpr int kGroup = GridOf<W>::kGroup;
template <>
inline constexpr int kGroup<kInt8> = 0;

// f32 activations. A result is one chain of fused multiply-adds along k, whatever m is (but see
// openblas).
template <const WeightFormat& W>
Run f32_scalar;
template <const WeightFormat& W>
Run f32_avx2;
template <const WeightFormat& W>
Run f32_avx512;
Run f32_openblas, f32_onednn;

// int8 activations. Sums over a group are exact, and groups are added by fused multiply-adds in
// order, so these agree to the bit.
template <const WeightFormat& W>
Run int8_scalar;
template <const WeightFormat& W>
Run int8_avx2;
template <const WeightFormat& W>
Run int8_vnni;
template <const WeightFormat& W>
Run int8_amx;
Run int8_onednn;

// bf16 activations
Run bf16_scalar, bf16_avx512, bf16_amx;

// Rows of x as these read them (prepared.h).
std::size_t f32_row_bytes(int k);
std::size_t bf16_row_bytes(int k);
std::size_t int8_row_bytes(int k, int group);
std::size_t f32_rows_bytes(int m, int k);
std::size_t bf16_rows_bytes(int m, int k);
std::size_t int8_rows_bytes(int m, int k, int group);

void prepare_f32(const float* x, int m, int k, int row_begin, int row_end, std::byte* prepared);
void prepare_bf16(const float* x, int m, int k, int row_begin, int row_end, std::byte* prepared);
void prepare_bf16_as_f32(const float* x, int m, int k, int row_begin, int row_end,
                         std::byte* prepared);

using PrepareInt8 = void(const float* x, int k, int row_begin, int row_end, std::byte* prepared,
                         int group, float reach);
PrepareInt8 prepare_int8_scalar, prepare_int8_avx2, prepare_int8_avx512;  // equal to the bit

}  // namespace paretune
