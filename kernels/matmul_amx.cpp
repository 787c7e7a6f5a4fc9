// The AMX variants: the jobs of matmul_amx_jobs.h on the real tiles.
#include "kernels/matmul_amx_jobs.h"
#include "kernels/matmul_kernels.h"

namespace paretune {

template <const WeightFormat& W>
void int8_amx(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
              std::size_t ldy) {
  if constexpr (kGroup<W> == 0) {
    amx::run<amx::Int8Job<HardwareTiles>>(prepared, m, w, walk, y, ldy);
  } else {
    amx::run<amx::GroupedJob<GridOf<W>, HardwareTiles>>(prepared, m, w, walk, y, ldy);
  }
}
template Run int8_amx<kInt8>;
template Run int8_amx<kInt4G32>;
template Run int8_amx<kInt4G64>;
template Run int8_amx<kInt4G128>;
template Run int8_amx<kInt4G256>;
template Run int8_amx<kInt8G32>;
template Run int8_amx<kQ6K>;
template Run int8_amx<kInt3G32>;
template Run int8_amx<kInt3G64>;
template Run int8_amx<kInt3G128>;
template Run int8_amx<kInt2G64>;
template Run int8_amx<kNf4G64>;
template Run int8_amx<kNf3G64>;
template Run int8_amx<kIq4Nl>;
template Run int8_amx<kQ40>;
template Run int8_amx<kInt2G32>;

void bf16_amx(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
              std::size_t ldy) {
  amx::run<amx::Bf16Job<HardwareTiles>>(prepared, m, w, walk, y, ldy);
}

}  // namespace paretune
