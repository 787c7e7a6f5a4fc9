// int8 activations with AVX512-VNNI: vpdpbusd adds four products of unsigned by signed bytes to
// each of 16 columns.
//
// int8 weights become the unsigned side by adding 128 (one XOR a line), so that activations,
// signed, broadcast from memory. What that adds, 128 Σ a, starts the sum, negated. Codes of groups
// are unsigned already; - zero * Σ a starts each group's sum.
//
// Registers hold up to 12 rows × 2 panels, of groups 6; for m ≤ 4, m rows × 4 panels, to have four
// streams from memory.
#include <algorithm>
#include <array>
#include <utility>

#include "kernels/grouped_avx.h"
#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

PARETUNE_AVX512 inline __m512i broadcast(const std::byte* four) {
  return _mm512_set1_epi32(*reinterpret_cast<const std::int32_t*>(four));
}

// _mm512_dpbusd_epi32, of which GCC 12 copies the sums there and back again in every round of a
// loop.
PARETUNE_AVX512_VNNI inline __m512i add_products(__m512i sum, __m512i u, __m512i s) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
  return sum;
}

inline __mmask16 columns_of(int panel, int n) {
  const int columns = std::min(n - panel * kPanelColumns, kPanelColumns);
  return static_cast<__mmask16>((1u << columns) - 1);
}

constexpr int kL2Ahead = 256;  // later rows find the panels in L2

struct Whole;  // int8: one group a row

template <class G, int Count, int MR>
struct Tile;

template <int Count, int MR>
struct Tile<Whole, Count, MR> {
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
          sum[r][p] = add_products(sum[r][p], u[p], s);
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

template <class G, int Count, int MR>
struct Tile {
  // Groups shorter than a chunk share it.
  static constexpr int kShared = G::kGroup < G::kChunk ? G::kChunk / G::kGroup : 1;
  static constexpr int kUnit = std::max(G::kGroup, G::kChunk);
  static constexpr int kGroupVectors = G::kVectors / kShared;  // of one chunk

  PARETUNE_AVX512_VNNI static void run(const std::byte* a, const Int8Rows& rows,
                                       const PackedMatrix& w, int panel, int prefetch, float* y,
                                       std::size_t ldy) {
    const std::size_t apart = G::panel_bytes(w.k);
    const std::byte* data = w.data.data() + std::size_t(panel) * apart;
    __m512 total[MR][Count];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      PARETUNE_UNROLL for (int p = 0; p < Count; ++p) total[r][p] = _mm512_setzero_ps();
    }
    for (int unit = 0; unit < rows.kp; unit += kUnit) {
      PARETUNE_UNROLL for (int i = 0; i < kShared; ++i) {
        const int g = unit / G::kGroup + i;
        __m512i sum[MR][Count];
        PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
          const std::byte* from = data + p * apart;
          if constexpr (G::kHeader == Header::affine || G::kMinimum) {
            _mm_prefetch(reinterpret_cast<const char*>(from + G::zero_at(g)) + prefetch,
                         _MM_HINT_T0);
          }
          const __m512i zero = G::kMinimum ? _mm512_setzero_si512() : group_zero<G>(from, g);
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            // Both factors fit 16 bits: zero ≤ 128, |Σ a| ≤ 256 * 127.
            sum[r][p] = _mm512_madd_epi16(
                zero, broadcast(a + r * rows.stride + rows.sums_at() + std::size_t(g) * 4));
          }
        }
        const int end = std::min(unit + kUnit, rows.kp);
        for (int k = unit; k < end; k += G::kChunk) {
          const std::byte* chunk = data + G::chunk_at(k);
          PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
            PARETUNE_UNROLL for (int line = i; line < G::kBits; line += kShared) {
              _mm_prefetch(reinterpret_cast<const char*>(chunk + p * apart + 64 * line) + prefetch,
                           _MM_HINT_T0);
            }
          }
          PARETUNE_UNROLL for (int v = i * kGroupVectors; v < (i + 1) * kGroupVectors; ++v) {
            __m512i u[Count];
            PARETUNE_UNROLL for (int p = 0; p < Count; ++p) u[p] =
                codes_of<G>(chunk + p * apart, v);
            PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
              const __m512i four = broadcast(a + r * rows.stride + k + 4 * v);
              PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
                sum[r][p] = add_products(sum[r][p], u[p], four);
              }
            }
          }
        }
        PARETUNE_UNROLL for (int p = 0; p < Count; ++p) {
          const std::byte* from = data + p * apart;
          _mm_prefetch(reinterpret_cast<const char*>(from + G::scale_at(g)) + prefetch,
                       _MM_HINT_T0);
          const __m512 scale = group_scale<G>(from, g);
          PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
            total[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][p]), scale, total[r][p]);
          }
          if constexpr (G::kMinimum) {
            const __m512 minimum = group_minimum<G>(from, g);
            PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
              const __m512 negated = _mm512_cvtepi32_ps(
                  broadcast(a + r * rows.stride + rows.sums_at() + std::size_t(g) * 4));
              total[r][p] = _mm512_fmadd_ps(negated, minimum, total[r][p]);
            }
          }
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
// By rows, from 1 on.
template <class G, int Count, int... I>
constexpr auto tiles(std::integer_sequence<int, I...>) {
  return std::array<RunTile*, sizeof...(I)>{Tile<G, Count, I + 1>::run...};
}
template <class G, int Count, int Rows>
constexpr auto kTiles = tiles<G, Count>(std::make_integer_sequence<int, Rows>());
constexpr int kFewRows = 8;  // go in one tile, read from memory once
// Rows of a tile where there are more: what registers hold of two panels. Groups have their totals
// beside their sums.
template <class G>
constexpr int kRows = 6;
template <>
constexpr int kRows<Whole> = 12;

template <const WeightFormat& W>
struct GridOrWholeOf {
  using Type = GridOf<W>;
};
template <>
struct GridOrWholeOf<kInt8> {
  using Type = Whole;
};
template <const WeightFormat& W>
using GridOrWhole = typename GridOrWholeOf<W>::Type;

}  // namespace

template <const WeightFormat& W>
void int8_vnni(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
               std::size_t ldy) {
  using G = GridOrWhole<W>;
  const Int8Rows rows(w.k, kGroup<W>);
  constexpr int kMost = std::max(kFewRows, kRows<G>);
  const int panels = w.panels(), most = m <= kFewRows ? kFewRows : kRows<G>;
  int panel = 0;
  if (m <= 4 && walk.streams >= 4) {
    for (; panel + 4 <= panels; panel += 4) {
      kTiles<G, 4, 4>[std::size_t(m - 1)](prepared, rows, w, panel, walk.prefetch, y, ldy);
    }
  }
  for (int count; panel < panels; panel += count) {
    count = std::min(panels - panel, std::min(walk.streams, 2));
    for (int i = 0; i < m; i += most) {
      const auto tile = static_cast<std::size_t>(std::min(m - i, most) - 1);
      RunTile* run = count == 2 ? kTiles<G, 2, kMost>[tile] : kTiles<G, 1, kMost>[tile];
      run(prepared + i * rows.stride, rows, w, panel, i == 0 ? walk.prefetch : kL2Ahead,
          y + i * ldy, ldy);
    }
  }
}
template Run int8_vnni<kInt8>;
template Run int8_vnni<kInt4G32>;
template Run int8_vnni<kInt4G64>;
template Run int8_vnni<kInt4G128>;
template Run int8_vnni<kInt4G256>;
template Run int8_vnni<kInt8G32>;
template Run int8_vnni<kQ6K>;
template Run int8_vnni<kQ4K>;
template Run int8_vnni<kInt3G32>;
template Run int8_vnni<kInt3G64>;
template Run int8_vnni<kInt3G128>;
template Run int8_vnni<kInt2G64>;
template Run int8_vnni<kNf4G64>;
template Run int8_vnni<kNf3G64>;
template Run int8_vnni<kIq4Nl>;
template Run int8_vnni<kQ40>;
template Run int8_vnni<kInt2G32>;

}  // namespace paretune
