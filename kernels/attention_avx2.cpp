// Attention's inner operations with AVX2, 8 floats at a time. Shapes as in attention_avx512.cpp.
#include "kernels/attention_blocks.h"
#include "kernels/attention_kernels.h"
#include "kernels/exp_avx.h"
#include "kernels/kv_grid.h"
#include "kernels/target.h"

namespace paretune {
namespace {

// 8 elements from d on of a stored vector.
template <const KvFormat& Format>
struct Load;

template <>
struct Load<kKvF32> {
  explicit Load(const std::byte* vector) : from(reinterpret_cast<const float*>(vector)) {}
  PARETUNE_AVX2 __m256 operator()(int d) const { return _mm256_loadu_ps(from + d); }
  const float* from;
};

template <>
struct Load<kKvBf16> {
  explicit Load(const std::byte* vector) : from(vector) {}
  PARETUNE_AVX2 __m256 operator()(int d) const {
    const __m128i narrow = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 2 * d));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16));
  }
  const std::byte* from;
};

template <>
struct Load<kKvInt8> {
  explicit Load(const std::byte* vector) : from(vector) {}
  PARETUNE_AVX2 __m256 operator()(int d) const {
    const __m256 scale = _mm256_set1_ps(*reinterpret_cast<const float*>(from));
    const __m128i codes =
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + sizeof(float) + d));
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)), scale);
  }
  const std::byte* from;
};

template <>
struct Load<kKvInt8A8> : Load<kKvInt8> {
  using Load<kKvInt8>::Load;
};

// Codes d … d + 7 of those that pack_group packed, 32 at a time.
template <int Bits>
PARETUNE_AVX2 inline __m256i codes_at(const std::byte* packed, int d) {
  constexpr int n = kKvCodeBytes<Bits>;
  const __m256i all = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
      reinterpret_cast<const __m128i*>(packed + std::size_t(d / kKvGroup) * n + d % n)));
  return _mm256_and_si256(_mm256_srli_epi32(all, d % kKvGroup / n * Bits),
                          _mm256_set1_epi32((1 << Bits) - 1));
}

// Of a vector in groups (kv_grid.h).
template <int Bits>
struct LoadGroups {
  explicit LoadGroups(const std::byte* vector) : from(vector) {}
  PARETUNE_AVX2 __m256 operator()(int d) const {
    const std::byte* group = from + std::size_t(d / 32) * (sizeof(KvGrid) + kKvCodeBytes<Bits>);
    const __m128 numbers =  // scale, minimum, scale, minimum
        _mm_cvtph_ps(_mm_set1_epi32(*reinterpret_cast<const std::int32_t*>(group)));
    const __m256 scale = _mm256_broadcastss_ps(numbers);
    const __m256 minimum = _mm256_broadcastss_ps(_mm_movehdup_ps(numbers));
    const __m256i codes = codes_at<Bits>(group + sizeof(KvGrid), d % 32);
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(codes), scale, minimum);
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

// The 4 sums over the lanes of 4 vectors.
PARETUNE_AVX2 inline __m128 add_lanes(const __m256 (&v)[4]) {
  const __m256 quads = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  return _mm_add_ps(_mm256_castps256_ps128(quads), _mm256_extractf128_ps(quads, 1));
}

template <int MR>
PARETUNE_AVX2 void score_rows(const float* q, const float* keys, int count, int dp, float* scores,
                              std::size_t stride) {
  for (int key = 0; key < count; key += 4, keys += std::size_t(4) * dp) {
    __m256 sums[MR][4];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) sums[r][i] = _mm256_setzero_ps();
    }
    for (int d = 0; d < dp; d += 8) {
      __m256 a[MR];
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) a[r] = _mm256_loadu_ps(q + r * dp + d);
      PARETUNE_UNROLL for (int i = 0; i < 4; ++i) {
        const __m256 k = _mm256_loadu_ps(keys + i * dp + d);
        PARETUNE_UNROLL for (int r = 0; r < MR; ++r) sums[r][i] =
            _mm256_fmadd_ps(a[r], k, sums[r][i]);
      }
    }
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      _mm_storeu_ps(scores + r * stride + key, add_lanes(sums[r]));
    }
  }
}

// sums[MR][16] += weights (MR, count) · values (count, dp)
template <int MR>
PARETUNE_AVX2 void weigh_rows(const float* weights, std::size_t stride, const float* values,
                              int count, int dp, float* sums) {
  for (int d = 0; d < dp; d += 16) {
    __m256 sum[MR][2];
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      sum[r][0] = _mm256_loadu_ps(sums + r * dp + d);
      sum[r][1] = _mm256_loadu_ps(sums + r * dp + d + 8);
    }
    for (int key = 0; key < count; ++key) {
      const __m256 v0 = _mm256_loadu_ps(values + std::size_t(key) * dp + d);
      const __m256 v1 = _mm256_loadu_ps(values + std::size_t(key) * dp + d + 8);
      PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
        const __m256 a = _mm256_set1_ps(weights[r * stride + key]);
        sum[r][0] = _mm256_fmadd_ps(a, v0, sum[r][0]);
        sum[r][1] = _mm256_fmadd_ps(a, v1, sum[r][1]);
      }
    }
    PARETUNE_UNROLL for (int r = 0; r < MR; ++r) {
      _mm256_storeu_ps(sums + r * dp + d, sum[r][0]);
      _mm256_storeu_ps(sums + r * dp + d + 8, sum[r][1]);
    }
  }
}

template <const KvFormat& Format>
struct Avx2 {
  static constexpr bool kWindowed = kChannelBits<Format> > 0, kIntegers = false;
  using Exact = Avx2<kKvBf16>;
  static constexpr int kRows = kFloatRows;
  static constexpr int kStoredRows = 0;

  PARETUNE_AVX2 static void expand(const std::byte* stored, std::size_t bytes, int count,
                                   int head_dim, int dp, float* out) {
    const int whole = head_dim / 8 * 8;
    for (int i = 0; i < count; ++i, stored += bytes, out += dp) {
      const Load<Format> load(stored);
      for (int d = 0; d < whole; d += 8) _mm256_storeu_ps(out + d, load(d));
      if (whole < head_dim) {  // rare: head_dim is a multiple of 8 in every known model
        Format.load(stored, {out, std::size_t(head_dim)});
        if (Format.rotated) rotate({out, std::size_t(head_dim)});  // as it is stored
      }
      std::fill(out + head_dim, out + dp, 0.0f);
    }
  }

  PARETUNE_AVX2 static void expand_keys(const std::byte* group, int count, int head_dim, int dp,
                                        float* out) {
    constexpr int kBits = kChannelBits<Format>;
    const std::size_t padded = std::size_t(kv_groups(head_dim)) * kKvGroup;
    const auto* scales = reinterpret_cast<const __m128i*>(group);
    const auto* minima = reinterpret_cast<const __m128i*>(group + 2 * padded);
    const std::byte* const codes = group + 4 * padded;
    for (int d = 0; d < head_dim; d += 8) {  // dp and padded are multiples of 8
      const __m256 scale = _mm256_cvtph_ps(_mm_loadu_si128(scales + d / 8));
      const __m256 minimum = _mm256_cvtph_ps(_mm_loadu_si128(minima + d / 8));
      const std::byte* token = codes;
      for (int i = 0; i < count; ++i, token += padded * kBits / 8) {
        _mm256_storeu_ps(
            out + std::size_t(i) * dp + d,
            _mm256_fmadd_ps(_mm256_cvtepi32_ps(codes_at<kBits>(token, d)), scale, minimum));
      }
    }
    for (int i = 0; i < count; ++i, out += dp) std::fill(out + head_dim, out + dp, 0.0f);
  }

  static void scores(const float* q, int rows, const float* keys, int count, int dp, float* scores,
                     std::size_t stride) {
    for (; rows >= 2; rows -= 2, q += 2 * dp, scores += 2 * stride) {
      score_rows<2>(q, keys, count, dp, scores, stride);
    }
    if (rows == 1) score_rows<1>(q, keys, count, dp, scores, stride);
  }

  static void accumulate(const float* weights, std::size_t stride, int rows, const float* values,
                         int count, int dp, float* sums) {
    for (; rows >= 4; rows -= 4, weights += 4 * stride, sums += 4 * dp) {
      weigh_rows<4>(weights, stride, values, count, dp, sums);
    }
    for (; rows >= 1; --rows, weights += stride, sums += dp) {
      weigh_rows<1>(weights, stride, values, count, dp, sums);
    }
  }

  PARETUNE_AVX2 static float maximum(const float* x, int count) {
    __m256 maximum = _mm256_loadu_ps(x);
    for (int i = 8; i < count; i += 8) maximum = _mm256_max_ps(maximum, _mm256_loadu_ps(x + i));
    float lanes[8];
    _mm256_storeu_ps(lanes, maximum);
    return *std::max_element(lanes, lanes + 8);
  }

  PARETUNE_AVX2 static float exponentials(float* x, int count, float maximum) {
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < count; i += 8) {
      const __m256 e = exp_avx2(_mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(maximum)));
      _mm256_storeu_ps(x + i, e);
      sum = _mm256_add_ps(sum, e);
    }
    float lanes[8];
    _mm256_storeu_ps(lanes, sum);
    float total = 0;
    for (float lane : lanes) total += lane;
    return total;
  }
};

}  // namespace

template <const KvFormat& Format>
void tiled_avx2(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                int token_begin, int token_end, float scale, std::span<float> scratch, float* out) {
  tiled_attention<Avx2<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                scratch, out);
}
template <const KvFormat& Format>
void plain_avx2(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                int token_begin, int token_end, float scale, std::span<float> scratch, float* out) {
  plain_attention<Avx2<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                scratch, out);
}
template <const KvFormat& Format>
void split_avx2(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                int token_begin, int token_end, float scale, std::span<float> scratch, float* out) {
  split_attention<Avx2<Format>>(q, n_heads, kv, past, kv_head, token_begin, token_end, scale,
                                scratch, out);
}
template <const KvFormat& Format>
void span_avx2(const float* q, int n_heads, const KvPages& kv, int past, int kv_head, int span,
               float scale, std::span<float> scratch, float* partial) {
  attend_span<Avx2<Format>>(q, n_heads, kv, past, kv_head, span, scale, scratch, partial);
}

#define PARETUNE_ATTENTION(format)    \
  template Attend tiled_avx2<format>; \
  template Attend plain_avx2<format>; \
  template Attend split_avx2<format>; \
  template AttendSpan span_avx2<format>
PARETUNE_EACH_FLOAT_KV_FORMAT(PARETUNE_ATTENTION);
PARETUNE_ATTENTION(kKvInt8A8);
#undef PARETUNE_ATTENTION

}  // namespace paretune
