// The AMX variants: the jobs of matmul_amx_jobs.h on the real tiles.
#include "kernels/matmul_amx_jobs.h"
#include "kernels/matmul_kernels.h"

namespace paretune {

template <>
void int8_amx<kInt8>(const std::byte* prepared, int m, const PackedMatrix& w, int panel_begin,
                     int panel_end, float* y, std::size_t ldy) {
  amx::run<amx::Int8Job<HardwareTiles>>(prepared, m, w, panel_begin, panel_end, y, ldy);
}
template <>
void int8_amx<kInt4G32>(const std::byte* prepared, int m, const PackedMatrix& w, int panel_begin,
                        int panel_end, float* y, std::size_t ldy) {
  amx::run<amx::Int4Job<32, HardwareTiles>>(prepared, m, w, panel_begin, panel_end, y, ldy);
}
template <>
void int8_amx<kInt4G128>(const std::byte* prepared, int m, const PackedMatrix& w, int panel_begin,
                         int panel_end, float* y, std::size_t ldy) {
  amx::run<amx::Int4Job<128, HardwareTiles>>(prepared, m, w, panel_begin, panel_end, y, ldy);
}
void bf16_amx(const std::byte* prepared, int m, const PackedMatrix& w, int panel_begin,
              int panel_end, float* y, std::size_t ldy) {
  amx::run<amx::Bf16Job<HardwareTiles>>(prepared, m, w, panel_begin, panel_end, y, ldy);
}

}  // namespace paretune
