// bf16 by bf16 with VDPBF16PS: two products a lane and instruction, sums in f32, subnormals flushed
// to zero. On Intel before Granite Rapids it has half the throughput of an f32 multiply-add; there
// f32 activations are no slower.
#include <algorithm>

#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kBlockRows = 12;

template <int Count, int MR>
struct Tile {
  PARETUNE_AVX512_BF16 static void run(const std::uint16_t* a, std::size_t stride,
                                       const PackedMatrix& w, int panel, int prefetch, float* y,
                                       std::size_t ldy) {
    const int kp = padded_k(w.k);
    const std::size_t apart = std::size_t(kp) * kPanelColumns * 2;
    const std::byte* codes = w.data.data() + std::size_t(panel) * apart;
    __m512 sum[MR][Count];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) sum[r][p] = _mm512_setzero_ps();
    }
    for (int k = 0; k < kp; k += 2) {
      const std::byte* line = codes + std::size_t(k) * kPanelColumns * 2;
      __m512i weights[Count];
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        _mm_prefetch(reinterpret_cast<const char*>(line + p * apart) + prefetch, _MM_HINT_T0);
        weights[p] = _mm512_loadu_si512(line + p * apart);
      }
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m512i pair =
            _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(a + r * stride + k));
        PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
          sum[r][p] = _mm512_dpbf16_ps(sum[r][p], (__m512bh)weights[p], (__m512bh)pair);
        }
      }
    }
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      const int first = (panel + p) * kPanelColumns, columns = std::min(w.n - first, kPanelColumns);
      const auto mask = static_cast<__mmask16>((1u << columns) - 1);
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        _mm512_mask_storeu_ps(y + r * ldy + first, mask, sum[r][p]);
      }
    }
  }
};

using RunTile = void(const std::uint16_t*, std::size_t, const PackedMatrix&, int, int, float*,
                     std::size_t);
template <int Count>
constexpr RunTile* kTiles[kBlockRows] = {
    Tile<Count, 1>::run, Tile<Count, 2>::run,  Tile<Count, 3>::run,  Tile<Count, 4>::run,
    Tile<Count, 5>::run, Tile<Count, 6>::run,  Tile<Count, 7>::run,  Tile<Count, 8>::run,
    Tile<Count, 9>::run, Tile<Count, 10>::run, Tile<Count, 11>::run, Tile<Count, 12>::run};
constexpr RunTile* kWideTiles[4] = {Tile<4, 1>::run, Tile<4, 2>::run, Tile<4, 3>::run,
                                    Tile<4, 4>::run};

}  // namespace

void bf16_avx512(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk,
                 float* y, std::size_t ldy) {
  const auto* a = reinterpret_cast<const std::uint16_t*>(prepared);
  const std::size_t stride = bf16_row_stride(w.k);
  const int panels = w.panels();
  int panel = 0;
  if (m <= 4 && walk.streams >= 4) {
    for (; panel + 4 <= panels; panel += 4) {
      kWideTiles[m - 1](a, stride, w, panel, walk.prefetch, y, ldy);
    }
  }
  for (int count; panel < panels; panel += count) {
    count = std::min(panels - panel, std::min(walk.streams, 2));
    for (int i = 0; i < m; i += kBlockRows) {
      const int tile = std::min(m - i, kBlockRows) - 1;
      RunTile* run = count == 2 ? kTiles<2>[tile] : kTiles<1>[tile];
      run(a + i * stride, stride, w, panel, i == 0 ? walk.prefetch : 0, y + i * ldy, ldy);
    }
  }
}

}  // namespace paretune
