// Attention's inner operations with AVX-512, 16 floats at a time.
#include <algorithm>
#include <array>

#include "kernels/attention_blocks.h"
#include "kernels/attention_kernels.h"
#include "kernels/kv_grid.h"
#include "kernels/softmax_avx512.h"
#include "kernels/target.h"

namespace paretune {
namespace {

// 16 elements from d on of a stored vector, zeros past its end. `offset` is where the elements
// begin.
template <const KvFormat& Format>
struct Load;

template <>
struct Load<kKvF32> {
  explicit Load(const std::byte* vector) : from(reinterpret_cast<const float*>(vector)) {}
  PARETUNE_AVX512 __m512 operator()(int d, __mmask16 mask) const {
    return _mm512_maskz_loadu_ps(mask, from + d);
  }
  const float* from;
};

template <>
struct Load<kKvBf16> {
  explicit Load(const std::byte* vector) : from(reinterpret_cast<const std::uint16_t*>(vector)) {}
  PARETUNE_AVX512 __m512 operator()(int d, __mmask16 mask) const {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from + d));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  const std::uint16_t* from;
};

template <>
struct Load<kKvInt8> {
  explicit Load(const std::byte* vector) : from(vector) {}
  PARETUNE_AVX512 __m512 operator()(int d, __mmask16 mask) const {
    const __m512 scale = _mm512_set1_ps(*reinterpret_cast<const float*>(from));
    const __m512i codes =
        _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(mask, from + sizeof(float) + d));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(codes), scale);
  }
  const std::byte* from;
};

// Codes d … d + 15 of those that pack_group packed, 32 at a time.
template <int Bits>
PARETUNE_AVX512 inline __m512i codes_at(const std::byte* packed, int d) {
  const std::byte* const group = packed + std::size_t(d / kKvGroup) * kKvCodeBytes<Bits>;
  __m512i codes;
  if constexpr (Bits == 4) {
    const __m512i both =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(group)));
    codes = d % 32 == 0 ? both : _mm512_srli_epi32(both, 4);
  } else {
    static_assert(Bits == 2);
    const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(group));
    const __m512i all = _mm512_cvtepu8_epi32(_mm_unpacklo_epi64(eight, eight));
    const __m512i first = d % 32 == 0 ? all : _mm512_srli_epi32(all, 4);
    codes = _mm512_mask_srli_epi32(first, 0xff00, first, 2);  // the second 8
  }
  return _mm512_and_si512(codes, _mm512_set1_epi32((1 << Bits) - 1));
}

// Of a vector in groups (kv_grid.h).
template <int Bits>
struct LoadGroups {
  explicit LoadGroups(const std::byte* vector) : from(vector) {}
  PARETUNE_AVX512 __m512 operator()(int d, __mmask16 mask) const {
    const std::byte* group = from + std::size_t(d / 32) * (sizeof(KvGrid) + kKvCodeBytes<Bits>);
    const __m128i halves = _mm_set1_epi32(*reinterpret_cast<const std::int32_t*>(group));
    const __m128 numbers = _mm_cvtph_ps(halves);  // scale, minimum, scale, minimum
    const __m512 scale = _mm512_broadcastss_ps(numbers);
    const __m512 minimum = _mm512_broadcastss_ps(_mm_movehdup_ps(numbers));
    const __m512i codes = codes_at<Bits>(group + sizeof(KvGrid), d % 32);
    return _mm512_maskz_fmadd_ps(mask, _mm512_cvtepi32_ps(codes), scale, minimum);
  }
  const std::byte* from;
};

template <>
struct Load<kKvInt4> : LoadGroups<4> {
  using LoadGroups<4>::LoadGroups;
};
template <>
struct Load<kKvInt4Channel> : LoadGroups<4> {
  using LoadGroups<4>::LoadGroups;
};
template <>
struct Load<kKvInt2Channel> : LoadGroups<2> {
  using LoadGroups<2>::LoadGroups;
};

// Sums over the lanes of 4 vectors, as one vector of 4 partial sums per 128 bits …
PARETUNE_AVX512 inline __m512 add_pairs(const __m512 (&v)[4]) {
  const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpackhi_ps(v[0], v[1]));
  const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(v[2], v[3]), _mm512_unpackhi_ps(v[2], v[3]));
  const __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  const __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
  return _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
}

// … and of four such, so that 128-bit part r of the result belongs to rows[r].
PARETUNE_AVX512 inline __m512 add_parts(const __m512 (&rows)[4]) {
  const __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(rows[0], rows[1], 0x44),
                                 _mm512_shuffle_f32x4(rows[0], rows[1], 0xee));
  const __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(rows[2], rows[3], 0x44),
                                 _mm512_shuffle_f32x4(rows[2], rows[3], 0xee));
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

constexpr __mmask16 lanes(int d, int head_dim) {
  return static_cast<__mmask16>(d + 16 <= head_dim ? 0xffff : (1u << (head_dim - d)) - 1);
}

// `count` vectors, `bytes` apart, that a Load reads.
struct Vectors {
  const std::byte* first;
  std::size_t bytes;
  int count, head_dim;
};

// Rows of dp floats, a multiple of 16.
struct LoadRow {
  explicit LoadRow(const std::byte* row) : from(reinterpret_cast<const float*>(row)) {}
  PARETUNE_AVX512 __m512 operator()(int d, __mmask16) const { return _mm512_loadu_ps(from + d); }
  const float* from;
};
Vectors float_rows(const float* rows, int count, int dp) {
  return {reinterpret_cast<const std::byte*>(rows), std::size_t(dp) * sizeof(float), count, dp};
}

// scores[MR][keys] = q (MR, dp) · keysᵀ, 4 keys at a time
template <class Load, int MR>
PARETUNE_AVX512 void score_rows(const float* q, Vectors keys, int dp, float* scores,
                                std::size_t stride) {
  const auto load_at = [&](int key) {
    return Load(keys.first + std::size_t(std::min(key, keys.count - 1)) * keys.bytes);
  };
  for (int key = 0; key < keys.count; key += 4) {
    const Load load[4] = {load_at(key), load_at(key + 1), load_at(key + 2), load_at(key + 3)};
    __m512 sums[4][4];
    PARETUNE_UNROLL for (int r = 0; r < 4; ++r) {
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) sums[r][i] = _mm512_setzero_ps();
    }
    for (int d = 0; d < dp; d += 16) {
      const __mmask16 mask = lanes(d, keys.head_dim);
      __m512 k[4];
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) k[i] = load[i](d, mask);
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m512 a = _mm512_loadu_ps(q + r * dp + d);
        PARETUNE_UNROLL for (int i = 0; i < 4; ++i) sums[r][i] =
            _mm512_fmadd_ps(a, k[i], sums[r][i]);
      }
    }
    const __m512 partial[4] = {add_pairs(sums[0]), add_pairs(sums[1]), add_pairs(sums[2]),
                               add_pairs(sums[3])};
    const __m512 total = add_parts(partial);
    const auto there = static_cast<__mmask8>((1u << std::min(4, keys.count - key)) - 1);
    float* const to = scores + key;
    _mm_mask_storeu_ps(to, there, _mm512_castps512_ps128(total));
    if constexpr (MR > 1) _mm_mask_storeu_ps(to + stride, there, _mm512_extractf32x4_ps(total, 1));
    if constexpr (MR > 2)
      _mm_mask_storeu_ps(to + 2 * stride, there, _mm512_extractf32x4_ps(total, 2));
    if constexpr (MR > 3)
      _mm_mask_storeu_ps(to + 3 * stride, there, _mm512_extractf32x4_ps(total, 3));
  }
}

// sums[MR][d … d + Count * 16] += weights (MR, count) · values
template <class Load, int MR, int Count>
PARETUNE_AVX512 void weigh(const float* weights, std::size_t stride, Vectors values, int dp, int d,
                           float* sums) {
  __m512 sum[MR][Count];
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i) sum[r][i] =
        _mm512_loadu_ps(sums + r * dp + d + 16 * i);
  }
  const std::byte* stored = values.first;
  for (int key = 0; key < values.count; ++key, stored += values.bytes) {
    const Load load(stored);
    __m512 v[Count];
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i) v[i] =
        load(d + 16 * i, lanes(d + 16 * i, values.head_dim));
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      const __m512 a = _mm512_set1_ps(weights[r * stride + key]);
      PARETUNE_UNROLL for (int i = 0; i < Count; ++i) sum[r][i] =
          _mm512_fmadd_ps(a, v[i], sum[r][i]);
    }
  }
  PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
    PARETUNE_UNROLL for (int i = 0; i < Count; ++i)
        _mm512_storeu_ps(sums + r * dp + d + 16 * i, sum[r][i]);
  }
}

template <class Load, int MR>
void weigh_rows(const float* weights, std::size_t stride, Vectors values, int dp, float* sums) {
  int d = 0;
  for (; d + 64 <= dp; d += 64) weigh<Load, MR, 4>(weights, stride, values, dp, d, sums);
  for (; d < dp; d += 16) weigh<Load, MR, 1>(weights, stride, values, dp, d, sums);
}

// scores (rows, stride) = q (rows, dp) · keysᵀ
template <class Load>
void score(const float* q, int rows, Vectors keys, int dp, float* scores, std::size_t stride) {
  constexpr std::array kByRows{score_rows<Load, 1>, score_rows<Load, 2>, score_rows<Load, 3>,
                               score_rows<Load, 4>};
  for (int now; rows > 0; rows -= now, q += now * dp, scores += std::size_t(now) * stride) {
    now = std::min(rows, 4);
    kByRows[std::size_t(now - 1)](q, keys, dp, scores, stride);
  }
}

// sums (rows, dp) += weights (rows, stride) · values
template <class Load>
void weigh_all(const float* weights, std::size_t stride, int rows, Vectors values, int dp,
               float* sums) {
  constexpr std::array kByRows{weigh_rows<Load, 1>, weigh_rows<Load, 2>, weigh_rows<Load, 3>,
                               weigh_rows<Load, 4>};
  for (int now; rows > 0; rows -= now, weights += std::size_t(now) * stride, sums += now * dp) {
    now = std::min(rows, 4);
    kByRows[std::size_t(now - 1)](weights, stride, values, dp, sums);
  }
}

template <const KvFormat& Format>
struct Avx512 : SoftmaxAvx512 {
  static constexpr bool kWindowed = kChannelBits<Format> > 0, kIntegers = false;
  using Exact = Avx512<kKvBf16>;
  static constexpr int kRows = kFloatRows;
  static constexpr int kStoredRows = kWindowed ? 0 : 4;

  // `count` stored vectors, `bytes` apart, as (count, dp) floats
  PARETUNE_AVX512 static void expand(const std::byte* stored, std::size_t bytes, int count,
                                     int head_dim, int dp, float* out) {
    for (int i = 0; i < count; ++i, stored += bytes, out += dp) {
      const Load<Format> load(stored);
      int d = 0;
      for (; d + 16 <= head_dim; d += 16) _mm512_storeu_ps(out + d, load(d, 0xffff));
      if (d < dp) _mm512_storeu_ps(out + d, load(d, lanes(d, head_dim)));
    }
  }

  // the first `count` keys of a group stored by channel, as (count, dp) floats
  PARETUNE_AVX512 static void expand_keys(const std::byte* group, int count, int head_dim, int dp,
                                          float* out) {
    constexpr int kBits = kChannelBits<Format>;
    const std::size_t padded = std::size_t(kv_groups(head_dim)) * kKvGroup;
    const auto* scales = reinterpret_cast<const __m256i*>(group);
    const auto* minima = reinterpret_cast<const __m256i*>(group + 2 * padded);
    const std::byte* const codes = group + 4 * padded;
    for (int d = 0; d < dp; d += 16) {
      const __mmask16 mask = lanes(d, head_dim);
      const __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256(scales + d / 16));
      const __m512 minimum = _mm512_cvtph_ps(_mm256_loadu_si256(minima + d / 16));
      const std::byte* token = codes;
      for (int i = 0; i < count; ++i, token += padded * kBits / 8) {
        _mm512_storeu_ps(out + std::size_t(i) * dp + d,
                         _mm512_maskz_fmadd_ps(mask, _mm512_cvtepi32_ps(codes_at<kBits>(token, d)),
                                               scale, minimum));
      }
    }
  }

  // scores (rows, stride) = q (rows, dp) · keys (count, dp)ᵀ
  static void scores(const float* q, int rows, const float* keys, int count, int dp, float* scores,
                     std::size_t stride) {
    score<LoadRow>(q, rows, float_rows(keys, count, dp), dp, scores, stride);
  }

  // sums (rows, dp) += weights (rows, stride) · values (count, dp)
  static void accumulate(const float* weights, std::size_t stride, int rows, const float* values,
                         int count, int dp, float* sums) {
    weigh_all<LoadRow>(weights, stride, rows, float_rows(values, count, dp), dp, sums);
  }

  // The same from `count` stored vectors, `bytes` apart; to the bit what expand and then scores or
  // accumulate give.
  static void scores_of_stored(const float* q, int rows, const std::byte* stored, std::size_t bytes,
                               int count, int head_dim, int dp, float* scores, std::size_t stride) {
    score<Load<Format>>(q, rows, {stored, bytes, count, head_dim}, dp, scores, stride);
  }
  static void accumulate_stored(const float* weights, std::size_t stride, int rows,
                                const std::byte* stored, std::size_t bytes, int count, int head_dim,
                                int dp, float* sums) {
    weigh_all<Load<Format>>(weights, stride, rows, {stored, bytes, count, head_dim}, dp, sums);
  }
};

}  // namespace

template <const KvFormat& Format>
void tiled_avx512(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                  int token_begin, int token_end, float scale, std::span<float> scratch,
                  float* out) {
  tiled_attention<Avx512<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                  scratch, out);
}
template <const KvFormat& Format>
void plain_avx512(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                  int token_begin, int token_end, float scale, std::span<float> scratch,
                  float* out) {
  plain_attention<Avx512<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                  scratch, out);
}
template <const KvFormat& Format>
void split_avx512(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                  int token_begin, int token_end, float scale, std::span<float> scratch,
                  float* out) {
  split_attention<Avx512<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                  scratch, out);
}
template <const KvFormat& Format>
void span_avx512(const float* q, int n_heads, const KvPages& kv, int past, int kv_head, int span,
                 float scale, std::span<float> scratch, float* partial) {
  attend_span<Avx512<Format>>(q, n_heads, kv, past, kv_head, span, scale, scratch, partial);
}

#define PARETUNE_ATTENTION(format)      \
  template Attend tiled_avx512<format>; \
  template Attend plain_avx512<format>; \
  template Attend split_avx512<format>; \
  template AttendSpan span_avx512<format>
PARETUNE_EACH_FLOAT_KV_FORMAT(PARETUNE_ATTENTION);
#undef PARETUNE_ATTENTION

}  // namespace paretune
