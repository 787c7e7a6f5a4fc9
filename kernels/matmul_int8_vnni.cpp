// int8 activations with AVX512-VNNI: vpdpbusd adds four products of unsigned by signed bytes to
// each of 16 columns.
//
// int8 weights become the unsigned side by adding 128 (one XOR a line), so that activations,
// signed, broadcast from memory. What that adds, 128 Σ a, starts the sum, negated. int4 codes are
// unsigned already; - zero * Σ a starts each group's sum.
//
// Registers hold up to 8 rows × 2 panels; for m ≤ 4, m rows × 4 panels, to have four streams from
// memory.
#include <algorithm>

#include "kernels/int4.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

PARETUNE_AVX512 inline __m512i broadcast(const std::byte* four) {
  return _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(four));
}

inline __mmask16 columns_of(int panel, int n) {
  const int columns = std::min(n - panel * kPanelColumns, kPanelColumns);
  return static_cast<__mmask16>((1u << columns) - 1);
}

template <int Group, int Count, int MR>
struct Tile;

template <int Count, int MR>
struct Tile<0, Count, MR> {
  PARETUNE_AVX512_VNNI static void run(const std::byte* a, const Int8Rows& rows,
                                       const PackedMatrix& w, int panel, int prefetch, float* y,
                                       std::size_t ldy) {
    const std::size_t apart = int8_panel_bytes(w.k);
    const std::byte* codes = w.data.data() + std::size_t(panel) * apart;
    __m512i sum[MR][Count];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m512i start = _mm512_slli_epi32(broadcast(a + r * rows.stride + rows.sums_at()), 7);
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) sum[r][p] = start;
    }
    const __m512i offset = _mm512_set1_epi8(-128);
    for (int k = 0; k < rows.kp; k += 4) {
      const std::byte* line = codes + std::size_t(k) * kPanelColumns;
      __m512i u[Count];
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        _mm_prefetch(reinterpret_cast<const char*>(line + p * apart) + prefetch, _MM_HINT_T0);
        u[p] = _mm512_xor_si512(_mm512_loadu_si512(line + p * apart), offset);
      }
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m512i s = broadcast(a + r * rows.stride + k);
        PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
          sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], u[p], s);
        }
      }
    }
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      const __m512 scale =
          _mm512_loadu_ps(codes + p * apart + std::size_t(rows.kp) * kPanelColumns);
      const __mmask16 columns = columns_of(panel + p, w.n);
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m512 row_scale =
            _mm512_castsi512_ps(broadcast(a + r * rows.stride + rows.scale_at()));
        const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][p]), scale);
        _mm512_mask_storeu_ps(y + r * ldy + (panel + p) * kPanelColumns, columns,
                              _mm512_mul_ps(scaled, row_scale));
      }
    }
  }
};

template <int Group, int Count, int MR>
struct Tile {
  PARETUNE_AVX512_VNNI static void run(const std::byte* a, const Int8Rows& rows,
                                       const PackedMatrix& w, int panel, int prefetch, float* y,
                                       std::size_t ldy) {
    const Int4Layout layout(w.k, Group);
    const std::byte* codes = w.data.data() + std::size_t(panel) * layout.panel_bytes;
    __m512 total[MR][Count];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) total[r][p] = _mm512_setzero_ps();
    }
    const __m512i nibble = _mm512_set1_epi8(15);
    for (int g = 0; g < layout.groups; ++g) {
      __m512i sum[MR][Count];
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        const std::byte* zeros = codes + p * layout.panel_bytes + layout.zeros_at(g);
        _mm_prefetch(reinterpret_cast<const char*>(zeros) + prefetch, _MM_HINT_T0);
        const __m512i zero =
            _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros)));
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          // Both factors fit 16 bits: zero ≤ 15, |Σ a| ≤ 256 * 127.
          sum[r][p] = _mm512_madd_epi16(
              zero, broadcast(a + r * rows.stride + rows.sums_at() + std::size_t(g) * 4));
        }
      }
      const int end = std::min((g + 1) * Group, layout.kp);
      const std::byte* first_line = codes + layout.line_at(g * Group);
      for (int k = g * Group; k < end; k += 8, first_line += 64) {
        __m512i low[Count], high[Count];
        PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
          const std::byte* line = first_line + p * layout.panel_bytes;
          _mm_prefetch(reinterpret_cast<const char*>(line) + prefetch, _MM_HINT_T0);
          const __m512i both = _mm512_loadu_si512(line);
          low[p] = _mm512_and_si512(both, nibble);
          high[p] = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
        }
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          const __m512i first = broadcast(a + r * rows.stride + k);
          const __m512i second = broadcast(a + r * rows.stride + k + 4);
          PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
            sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], low[p], first);
            sum[r][p] = _mm512_dpbusd_epi32(sum[r][p], high[p], second);
          }
        }
      }
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
        const std::byte* scales = codes + p * layout.panel_bytes + layout.scales_at(g);
        _mm_prefetch(reinterpret_cast<const char*>(scales) + prefetch, _MM_HINT_T0);
        const __m512 scale =
            _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales)));
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
          total[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][p]), scale, total[r][p]);
        }
      }
    }
    PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
      const __mmask16 columns = columns_of(panel + p, w.n);
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m512 row_scale =
            _mm512_castsi512_ps(broadcast(a + r * rows.stride + rows.scale_at()));
        _mm512_mask_storeu_ps(y + r * ldy + (panel + p) * kPanelColumns, columns,
                              _mm512_mul_ps(total[r][p], row_scale));
      }
    }
  }
};

using RunTile = void(const std::byte*, const Int8Rows&, const PackedMatrix&, int, int, float*,
                     std::size_t);
template <int Group, int Count>
constexpr RunTile* kTiles[8] = {Tile<Group, Count, 1>::run, Tile<Group, Count, 2>::run,
                                Tile<Group, Count, 3>::run, Tile<Group, Count, 4>::run,
                                Tile<Group, Count, 5>::run, Tile<Group, Count, 6>::run,
                                Tile<Group, Count, 7>::run, Tile<Group, Count, 8>::run};
template <int Group>
constexpr RunTile* kWideTiles[4] = {Tile<Group, 4, 1>::run, Tile<Group, 4, 2>::run,
                                    Tile<Group, 4, 3>::run, Tile<Group, 4, 4>::run};

}  // namespace

template <const WeightFormat& W>
void int8_vnni(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
               std::size_t ldy) {
  constexpr int G = kGroup<W>;
  const Int8Rows rows(w.k, G);
  const int panels = w.panels();
  int panel = 0;
  if (m <= 4 && walk.streams >= 4) {
    for (; panel + 4 <= panels; panel += 4) {
      kWideTiles<G>[m - 1](prepared, rows, w, panel, walk.prefetch, y, ldy);
    }
  }
  for (int count; panel < panels; panel += count) {
    count = std::min(panels - panel, std::min(walk.streams, 2));
    for (int i = 0; i < m; i += 8) {
      const int tile = std::min(m - i, 8) - 1;
      RunTile* run = count == 2 ? kTiles<G, 2>[tile] : kTiles<G, 1>[tile];
      // Later rows find the panels in cache.
      run(prepared + i * rows.stride, rows, w, panel, i == 0 ? walk.prefetch : 0, y + i * ldy, ldy);
    }
  }
}
template Run int8_vnni<kInt8>;
template Run int8_vnni<kInt4G32>;
template Run int8_vnni<kInt4G64>;
template Run int8_vnni<kInt4G128>;
template Run int8_vnni<kInt4G256>;

}  // namespace paretune
