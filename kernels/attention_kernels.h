// The functions behind the rows of attention_variants(), instantiated for every KV format.
#pragma once

#include "kernels/attention.h"

namespace paretune {

// Of formats that store keys by channel: bits of a code. Else 0.
template <const KvFormat& Format>
inline constexpr int kChannelBits = 0;
template <>
inline constexpr int kChannelBits<kKvInt4Channel> = 4;
template <>
inline constexpr int kChannelBits<kKvInt2Channel> = 2;

// For what every format is instantiated with that is read as floats.
#define PARETUNE_EACH_FLOAT_KV_FORMAT(apply) \
  apply(kKvF32);                             \
  apply(kKvBf16);                            \
  apply(kKvInt8);                            \
  apply(kKvInt4);                            \
  apply(kKvInt4Channel);                     \
  apply(kKvInt2Channel)

using Attend = void(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                    int token_begin, int token_end, float scale, std::span<float> scratch,
                    float* out);
using ScratchFloats = std::size_t(int context, int n_heads, int n_kv_heads, int head_dim);

template <const KvFormat& Format>
void tiled_avx512(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                  float*);
template <const KvFormat& Format>
void plain_avx512(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                  float*);
template <const KvFormat& Format>
void tiled_avx2(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                float*);
template <const KvFormat& Format>
void plain_avx2(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                float*);

using AttendSpan = void(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                        int span, float scale, std::span<float> scratch, float* partial);

template <const KvFormat& Format>
void split_avx512(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                  float*);
template <const KvFormat& Format>
void split_avx2(const float*, int, const KvPages&, int, int, int, int, float, std::span<float>,
                float*);
template <const KvFormat& Format>
void span_avx512(const float*, int, const KvPages&, int, int, int, float, std::span<float>, float*);
template <const KvFormat& Format>
void span_avx2(const float*, int, const KvPages&, int, int, int, float, std::span<float>, float*);

// In integers (attention_vnni.cpp).
template <>
Attend tiled_avx512<kKvInt8A8>;
template <>
Attend plain_avx512<kKvInt8A8>;
template <>
Attend split_avx512<kKvInt8A8>;
template <>
AttendSpan span_avx512<kKvInt8A8>;

}  // namespace paretune
