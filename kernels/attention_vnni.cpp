// Attention over a cache of 8-bit codes in integers: queries and weights are rounded to 8 bits too
// (KvFormat::a8), and VNNI adds four products of unsigned by signed bytes at a time.
//
// Keys, as bytes plus 128, are laid out 16 side by side (panels of 4 numbers each), queries
// broadcast; what the 128 adds, 128 Σ q, starts each sum, negated. Weights are unsigned as they
// are; values are laid out 4 keys side by side for 16 numbers at a time.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/attention_blocks.h"
#include "kernels/attention_kernels.h"
#include "kernels/elementwise.h"
#include "kernels/softmax_avx512.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kGroup = 16;                           // keys of a panel
constexpr int kPanelGroups = kKeyBlock / kGroup;     // of a block
constexpr int kCodesAt = 0, kWeightStepAt = 32;      // of a row of 64 weights, in floats
constexpr int kQueryScaleAt = 0, kQueryStartAt = 1;  // of a query, in floats

// _mm512_dpbusd_epi32 as in matmul_int8_vnni.cpp, and why.
PARETUNE_AVX512_VNNI inline __m512i add_products(__m512i sum, __m512i u, __m512i s) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
  return sum;
}

PARETUNE_AVX512 inline __m512i broadcast(const void* four) {
  std::int32_t bits;
  std::memcpy(&bits, four, sizeof bits);
  return _mm512_set1_epi32(bits);
}

// 16 × 16 numbers of 32 bits.
PARETUNE_AVX512 inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  PARETUNE_UNROLL for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
  PARETUNE_UNROLL for (int g = 0; g < 16; g += 4) {  // r[g + c], 128-bit part p: number 4p + c
    r[g] = _mm512_unpacklo_epi64(t[g], t[g + 2]);
    r[g + 1] = _mm512_unpackhi_epi64(t[g], t[g + 2]);
    r[g + 2] = _mm512_unpacklo_epi64(t[g + 1], t[g + 3]);
    r[g + 3] = _mm512_unpackhi_epi64(t[g + 1], t[g + 3]);
  }
  PARETUNE_UNROLL for (int c = 0; c < 4; ++c) {
    const __m512i even = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x88);
    const __m512i odd = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xdd);
    const __m512i more_even = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x88);
    const __m512i more_odd = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xdd);
    t[c] = _mm512_shuffle_i32x4(even, more_even, 0x88);
    t[4 + c] = _mm512_shuffle_i32x4(odd, more_odd, 0x88);
    t[8 + c] = _mm512_shuffle_i32x4(even, more_even, 0xdd);
    t[12 + c] = _mm512_shuffle_i32x4(odd, more_odd, 0xdd);
  }
  PARETUNE_UNROLL for (int i = 0; i < 16; ++i) r[i] = t[i];
}

// Where the vectors of a block lie; those past its end are its first.
struct Block {
  std::array<const std::byte*, kKeyBlock> at;
  int count;

  Block(const KvPages& kv, bool keys, int kv_head, int begin, int n) : count(n) {
    const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
    for_each_run(kv, keys, kv_head, begin, n, [&](int done, const std::byte* stored, int run) {
      for (int i = 0; i < run; ++i) at[std::size_t(done + i)] = stored + std::size_t(i) * bytes;
    });
    std::fill(at.begin() + n, at.end(), at[0]);
  }
  float scale(int i) const {  // 0 past the end
    return i < count ? *reinterpret_cast<const float*>(at[std::size_t(i)]) : 0;
  }
};

// Up to 64 codes of a vector from d on, zeros past its end.
PARETUNE_AVX512 inline __m512i codes_of(const std::byte* vector, int d, int head_dim) {
  const int n = std::min(64, head_dim - d);
  const __mmask64 mask = n == 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
  return _mm512_maskz_loadu_epi8(mask, vector + sizeof(float) + d);
}

// panels: [group][dp / 4][16 keys][4 numbers]
PARETUNE_AVX512 void pack_keys(const Block& block, int head_dim, int dp, std::byte* panels,
                               float* scales) {
  const __m512i offset = _mm512_set1_epi8(-128);
  for (int i = 0; i < kKeyBlock; ++i) scales[i] = block.scale(i);
  for (int first = 0; first < block.count; first += kGroup) {
    std::byte* const panel = panels + std::size_t(first) * dp;
    for (int d = 0; d < dp; d += 64) {
      __m512i r[16];
      PARETUNE_UNROLL for (int i = 0; i < 16; ++i) {
        r[i] = codes_of(block.at[std::size_t(first + i)], d, head_dim);
      }
      transpose(r);
      PARETUNE_UNROLL for (int i = 0; i < 16; ++i) {
        if (d + 4 * i < dp)
          _mm512_store_si512(panel + std::size_t(d + 4 * i) * kGroup,
                             _mm512_xor_si512(r[i], offset));
      }
    }
  }
}

// out: [4 keys][dp / 16][16 numbers][4 keys]
PARETUNE_AVX512 void pack_values(const Block& block, int head_dim, int dp, std::byte* out,
                                 float* scales) {
  // Unpacking works within 128 bits; number j of part p comes from part j, so that what is unpacked
  // is in order.
  const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
  for (int i = 0; i < kKeyBlock; ++i) scales[i] = block.scale(i);
  for (int key = 0; key < block.count; key += 4) {
    std::byte* const to = out + std::size_t(key) * dp;
    for (int d = 0; d < dp; d += 64) {
      __m512i v[4];
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        v[i] =
            _mm512_permutexvar_epi32(order, codes_of(block.at[std::size_t(key + i)], d, head_dim));
      }
      const __m512i low01 = _mm512_unpacklo_epi8(v[0], v[1]),
                    low23 = _mm512_unpacklo_epi8(v[2], v[3]);
      const __m512i high01 = _mm512_unpackhi_epi8(v[0], v[1]),
                    high23 = _mm512_unpackhi_epi8(v[2], v[3]);
      const __m512i four[4] = {
          _mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
          _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        if (d + 16 * i < dp) _mm512_store_si512(to + std::size_t(d + 16 * i) * 4, four[i]);
      }
    }
  }
}

// scores[MR][groups' keys] of codes (MR, dp)
template <int MR, int Groups>
PARETUNE_AVX512_VNNI void score(const std::int8_t* codes, const float* queries,
                                const std::byte* panels, const float* scales, int dp, float* scores,
                                std::size_t stride) {
  __m512i sum[MR][Groups];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    const __m512i start = broadcast(queries + std::size_t(r) * dp + kQueryStartAt);
    PARETUNE_UNROLL for (int g = 0; g < Groups; ++g) sum[r][g] = start;
  }
  for (int d = 0; d < dp; d += 4) {
    __m512i keys[Groups];
    PARETUNE_UNROLL for (int g = 0; g < Groups; ++g) {
      keys[g] = _mm512_load_si512(panels + std::size_t(g * dp + d) * kGroup);
    }
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m512i four = broadcast(codes + std::size_t(r) * dp + d);
      PARETUNE_UNROLL for (int g = 0; g < Groups; ++g) {
        sum[r][g] = add_products(sum[r][g], keys[g], four);
      }
    }
  }
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    const __m512 scale = _mm512_set1_ps(queries[std::size_t(r) * dp + kQueryScaleAt]);
    PARETUNE_UNROLL for (int g = 0; g < Groups; ++g) {
      const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(scales + g * kGroup), scale);
      _mm512_storeu_ps(scores + std::size_t(r) * stride + g * kGroup,
                       _mm512_mul_ps(_mm512_cvtepi32_ps(sum[r][g]), scaled));
    }
  }
}

template <int MR>
void score_rows(const std::int8_t* codes, const float* queries, const std::byte* panels,
                const float* scales, int groups, int dp, float* scores, std::size_t stride) {
  if (groups == kPanelGroups) {
    score<MR, kPanelGroups>(codes, queries, panels, scales, dp, scores, stride);
    return;
  }
  for (int g = 0; g < groups; ++g, panels += std::size_t(kGroup) * dp) {
    score<MR, 1>(codes, queries, panels, scales + g * kGroup, dp, scores + g * kGroup, stride);
  }
}

// A row's weights of a block, in place: their codes and what a code is worth.
PARETUNE_AVX512 void encode_weights(float* weights, const float* scales, int count) {
  __m512 w[kPanelGroups];
  __m512 largest = _mm512_setzero_ps();
  PARETUNE_UNROLL for (int g = 0; g < kPanelGroups; ++g) {
    const int n = std::clamp(count - g * kGroup, 0, kGroup);
    w[g] = _mm512_mul_ps(
        _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), weights + g * kGroup),
        _mm512_loadu_ps(scales + g * kGroup));
    largest = _mm512_max_ps(largest, w[g]);
  }
  const float most = _mm512_reduce_max_ps(largest);
  const __m512 inverse = _mm512_set1_ps(most > 0 ? 255 / most : 0);
  auto* const codes = reinterpret_cast<std::byte*>(weights + kCodesAt);
  PARETUNE_UNROLL for (int g = 0; g < kPanelGroups; ++g) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + g * kGroup),
                     _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(w[g], inverse))));
  }
  weights[kWeightStepAt] = most / 255;
}

// sums[MR][Count * 16] += weights (MR, count) · values
template <int MR, int Count>
PARETUNE_AVX512_VNNI void weigh(const float* weights, std::size_t stride, const std::byte* values,
                                int count, int dp, float* sums) {
  __m512i sum[MR][Count];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i) sum[r][i] = _mm512_setzero_si512();
  }
  for (int key = 0; key < count; key += 4, values += std::size_t(4) * dp) {
    __m512i v[Count];
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i) v[i] = _mm512_load_si512(values + 64 * i);
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m512i four =
          broadcast(reinterpret_cast<const std::byte*>(weights + r * stride + kCodesAt) + key);
      PARETUNE_UNROLL for (int i = 0; i < Count; ++i) {
        sum[r][i] = add_products(sum[r][i], four, v[i]);
      }
    }
  }
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    const __m512 step = _mm512_set1_ps(weights[r * stride + kWeightStepAt]);
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i) {
      float* const to = sums + std::size_t(r) * dp + 16 * i;
      _mm512_storeu_ps(to,
                       _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[r][i]), step, _mm512_loadu_ps(to)));
    }
  }
}

template <int MR>
void weigh_rows(const float* weights, std::size_t stride, const std::byte* values, int count,
                int dp, float* sums) {
  int d = 0;
  for (; d + 64 <= dp; d += 64) weigh<MR, 4>(weights, stride, values + 4 * d, count, dp, sums + d);
  for (; d < dp; d += 16) weigh<MR, 1>(weights, stride, values + 4 * d, count, dp, sums + d);
}

struct Vnni : SoftmaxAvx512 {
  static constexpr bool kWindowed = false, kIntegers = true;
  static constexpr int kRows = kIntegerRows, kStoredRows = kFloatRows;

  // s.queries become codes, and beside each other what a query's code is worth and how its sums
  // start.
  static void encode_queries(const AttentionScratch& s, int rows, int dp) {
    for (int row = 0; row < rows; ++row) {
      float* const query = s.queries + std::size_t(row) * dp;
      std::int8_t* const codes = s.codes + std::size_t(row) * dp;
      const float scale = quantize_int8({query, std::size_t(dp)}, {codes, std::size_t(dp)});
      std::int32_t total = 0;
      for (int d = 0; d < dp; ++d) total += codes[d];
      const std::int32_t start = -128 * total;
      query[kQueryScaleAt] = scale;
      std::memcpy(query + kQueryStartAt, &start, sizeof start);
    }
  }

  static void score_block(const AttentionScratch& s, int rows, const KvPages& kv, int kv_head,
                          int begin, int count, float* scores, std::size_t stride) {
    const int dp = padded_head_dim(kv.head_dim), groups = (count + kGroup - 1) / kGroup;
    auto* const panels = reinterpret_cast<std::byte*>(s.block);
    alignas(64) float scales[kKeyBlock];
    pack_keys(Block(kv, true, kv_head, begin, count), kv.head_dim, dp, panels, scales);
    constexpr std::array kByRows{score_rows<1>, score_rows<2>, score_rows<3>, score_rows<4>};
    for (int row = 0, now; row < rows; row += now) {
      now = std::min(rows - row, 4);
      const std::size_t at = std::size_t(row) * dp;
      kByRows[std::size_t(now - 1)](s.codes + at, s.queries + at, panels, scales, groups, dp,
                                    scores + std::size_t(row) * stride, stride);
    }
  }

  static void weigh_block(const AttentionScratch& s, int rows, const KvPages& kv, int kv_head,
                          int begin, int count, float* weights, std::size_t stride) {
    const int dp = padded_head_dim(kv.head_dim);
    auto* const values = reinterpret_cast<std::byte*>(s.block);
    alignas(64) float scales[kKeyBlock];
    pack_values(Block(kv, false, kv_head, begin, count), kv.head_dim, dp, values, scales);
    constexpr std::array kByRows{weigh_rows<1>, weigh_rows<2>, weigh_rows<3>, weigh_rows<4>};
    for (int row = 0, now; row < rows; row += now) {
      now = std::min(rows - row, 4);
      float* const of_rows = weights + std::size_t(row) * stride;
      for (int r = 0; r < now; ++r)
        encode_weights(of_rows + std::size_t(r) * stride, scales, count);
      kByRows[std::size_t(now - 1)](of_rows, stride, values, count, dp,
                                    s.sums + std::size_t(row) * dp);
    }
  }
};

}  // namespace

template <>
void tiled_avx512<kKvInt8A8>(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                             int token_begin, int token_end, float scale, std::span<float> scratch,
                             float* out) {
  tiled_attention<Vnni>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale, scratch, out);
}
template <>
void plain_avx512<kKvInt8A8>(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                             int token_begin, int token_end, float scale, std::span<float> scratch,
                             float* out) {
  plain_attention<Vnni>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale, scratch, out);
}
template <>
void split_avx512<kKvInt8A8>(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                             int token_begin, int token_end, float scale, std::span<float> scratch,
                             float* out) {
  split_attention<Vnni>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale, scratch, out);
}
template <>
void span_avx512<kKvInt8A8>(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                            int span, float scale, std::span<float> scratch, float* partial) {
  attend_span<Vnni>(q, n_heads, kv, past, kv_head, span, scale, scratch, partial);
}

}  // namespace paretune
