// Reading grouped.h's panels in registers.
#pragma once

#include "kernels/grouped.h"
#include "kernels/target.h"

namespace paretune {

// AVX-512: one group's numbers of 16 columns.
template <class G>
PARETUNE_AVX512 inline __m512 group_scale(const std::byte* panel, int g) {
  const auto* at = panel + G::scale_at(g);
  if constexpr (!G::kSuper) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
  } else {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m512i scale =
        G::kHeader == Header::k_centred ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
    const __m512 d = _mm512_cvtph_ps(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + G::block_at(g))));
    return _mm512_mul_ps(d, _mm512_cvtepi32_ps(scale));
  }
}
// k_affine
template <class G>
PARETUNE_AVX512 inline __m512 group_minimum(const std::byte* panel, int g) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + G::zero_at(g)));
  const __m512 dmin = _mm512_cvtph_ps(
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel + G::block_at(g) + 32)));
  return _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)));
}
// affine and centred
template <class G>
PARETUNE_AVX512 inline __m512i group_zero(const std::byte* panel, int g) {
  if constexpr (G::kHeader == Header::affine) {
    return _mm512_cvtepu8_epi32(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + G::zero_at(g))));
  } else {
    return _mm512_set1_epi32(G::kMiddle);
  }
}

// Codes, or their levels (unsigned bytes, the int8 order) of k = 4 vector … 4 vector + 3 of a
// chunk. vector is constant where this is inlined.
template <class G>
PARETUNE_AVX512 inline __m512i codes_of(const std::byte* chunk, int vector) {
  constexpr int kBits = G::kBits;
  if constexpr (kBits == 8) return _mm512_loadu_si512(chunk + 64 * vector);
  __m512i code = _mm512_setzero_si512();
  const std::byte* plane = chunk;
  if constexpr ((kBits & 4) != 0) {
    const __m512i line = _mm512_loadu_si512(plane + 64 * (vector / 2));
    code =
        _mm512_and_si512(vector % 2 == 0 ? line : _mm512_srli_epi16(line, 4), _mm512_set1_epi8(15));
    plane += 256;
  }
  if constexpr ((kBits & 2) != 0) {
    constexpr int kLow = kBits & 4;
    const __m512i line = _mm512_loadu_si512(plane + 64 * (vector / 4));
    const int right = 2 * (vector % 4) - kLow;  // to where they stand in the code
    const __m512i moved = right >= 0 ? _mm512_srli_epi16(line, unsigned(right))
                                     : _mm512_slli_epi16(line, unsigned(-right));
    code = _mm512_or_si512(code, _mm512_and_si512(moved, _mm512_set1_epi8(3 << kLow)));
    plane += 128;
  }
  if constexpr ((kBits & 1) != 0) {
    constexpr int kLow = kBits & 6;
    const __m512i line = _mm512_loadu_si512(plane);
    const int right = vector - kLow;
    const __m512i moved = right >= 0 ? _mm512_srli_epi16(line, unsigned(right))
                                     : _mm512_slli_epi16(line, unsigned(-right));
    code = _mm512_or_si512(code, _mm512_and_si512(moved, _mm512_set1_epi8(1 << kLow)));
  }
  if constexpr (G::kLevels) {
    const __m128i levels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(G::levels().data()));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), code);
  }
  return code;
}

PARETUNE_AVX2 inline __m256i load_half_line(const std::byte* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// AVX2: the same of columns 8 half … 8 half + 7.
template <class G>
PARETUNE_AVX2 inline __m256 half_scale(const std::byte* panel, int g, int half) {
  const std::byte* at = panel + G::scale_at(g);
  if constexpr (!G::kSuper) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * half)));
  } else {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at + 8 * half));
    const __m256i scale =
        G::kHeader == Header::k_centred ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
    const __m256 d = _mm256_cvtph_ps(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + G::block_at(g) + 16 * half)));
    return _mm256_mul_ps(d, _mm256_cvtepi32_ps(scale));
  }
}
template <class G>
PARETUNE_AVX2 inline __m256 half_minimum(const std::byte* panel, int g, int half) {
  const __m128i bytes =
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(panel + G::zero_at(g) + 8 * half));
  const __m256 dmin = _mm256_cvtph_ps(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(panel + G::block_at(g) + 32 + 16 * half)));
  return _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
}
template <class G>
PARETUNE_AVX2 inline __m256i half_zero(const std::byte* panel, int g, int half) {
  if constexpr (G::kHeader == Header::affine) {
    return _mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(panel + G::zero_at(g) + 8 * half)));
  } else {
    return _mm256_set1_epi32(G::kMiddle);
  }
}
template <class G>
PARETUNE_AVX2 inline __m256i half_codes(const std::byte* chunk, int vector, int half) {
  constexpr int kBits = G::kBits;
  const std::byte* plane = chunk + 32 * half;
  if constexpr (kBits == 8) return load_half_line(plane + 64 * vector);
  __m256i code = _mm256_setzero_si256();
  if constexpr ((kBits & 4) != 0) {
    const __m256i line = load_half_line(plane + 64 * (vector / 2));
    code = _mm256_and_si256(_mm256_srli_epi16(line, 4 * (vector % 2)), _mm256_set1_epi8(15));
    plane += 256;
  }
  if constexpr ((kBits & 2) != 0) {
    constexpr int kLow = kBits & 4;
    const __m256i two = _mm256_and_si256(
        _mm256_srli_epi16(load_half_line(plane + 64 * (vector / 4)), 2 * (vector % 4)),
        _mm256_set1_epi8(3));
    code = _mm256_or_si256(code, _mm256_slli_epi16(two, kLow));
    plane += 128;
  }
  if constexpr ((kBits & 1) != 0) {
    constexpr int kLow = kBits & 6;
    const __m256i one =
        _mm256_and_si256(_mm256_srli_epi16(load_half_line(plane), vector), _mm256_set1_epi8(1));
    code = _mm256_or_si256(code, _mm256_slli_epi16(one, kLow));
  }
  if constexpr (G::kLevels) {
    const __m128i levels = _mm_loadu_si128(reinterpret_cast<const __m128i*>(G::levels().data()));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), code);
  }
  return code;
}

}  // namespace paretune
