// The scalar reference, the catalog of attention variants and the choice among
// them.
#include "kernels/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/attention_blocks.h"
#include "kernels/attention_kernels.h"

namespace paretune {

std::size_t span_floats(int n_heads, int n_kv_heads, int head_dim) {
  return RowsState::floats(n_heads / n_kv_heads, head_dim);
}

void merge_spans(float* partials, int spans, int n_heads, const KvPages& kv, int kv_head,
                 float* out) {
  const int group = n_heads / kv.n_kv_heads, dp = padded_head_dim(kv.head_dim);
  const std::size_t floats = span_floats(n_heads, kv.n_kv_heads, kv.head_dim);
  const RowsState merged = state_in(partials, group, dp);
  for (int span = 1; span < spans; ++span) {
    merged.merge(state_in(partials + std::size_t(span) * floats, group, dp), group, dp);
  }
  scatter_outputs(merged.sums, merged.totals, n_heads, kv, kv_head, group, 0, 1, out);
}

namespace {

void attention_scalar(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                      int token_begin, int token_end, float scale, std::span<float> scratch,
                      float* out) {
  const int group = n_heads / kv.n_kv_heads, dim = kv.head_dim;
  const std::span<float> vector = scratch.first(dim), query = scratch.subspan(dim, dim);
  float* scores = scratch.data() + 2 * dim;
  std::vector<std::int8_t> codes(kv.format->a8 ? dim : 0);
  for (int token = token_begin; token < token_end; ++token) {
    const int context = past + token + 1;
    for (int head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      const float* from = q + (std::size_t(token) * n_heads + head) * dim;
      for (int d = 0; d < dim; ++d) query[d] = from[d] * scale;
      if (kv.format->a8) round_query(query, codes);
      float* result = out + (std::size_t(token) * n_heads + head) * dim;
      float maximum = -std::numeric_limits<float>::infinity();
      for (int t = 0; t < context; ++t) {
        kv.load_key(t, kv_head, past + token, vector);
        float score = 0;
        for (int d = 0; d < dim; ++d) score += query[d] * vector[d];
        scores[t] = score;
        maximum = std::max(maximum, scores[t]);
      }
      float total = 0;
      for (int t = 0; t < context; ++t) total += scores[t] = std::exp(scores[t] - maximum);
      for (int t = 0; kv.format->a8 && t < context; t += kKeyBlock) {
        const int count = std::min(kKeyBlock, context - t);
        const auto scales = value_scales(kv, kv_head, t, count);
        round_weights({scores + t, std::size_t(count)},
                      std::span(scales).first(std::size_t(count)));
      }
      std::fill_n(result, dim, 0.0f);
      for (int t = 0; t < context; ++t) {
        kv.load_value(t, kv_head, past + token, vector);
        const float weight = scores[t] / total;
        for (int d = 0; d < dim; ++d) result[d] += weight * vector[d];
      }
    }
  }
}

std::size_t scalar_scratch_floats(int context, int, int, int head_dim) {
  return std::size_t(context) + 2 * head_dim;
}

template <const KvFormat& F>
constexpr int kMostRows = kFloatRows;
template <>
constexpr int kMostRows<kKvInt8A8> = kIntegerRows;
template <const KvFormat& F>
constexpr Isa kAvx512 = Isa::avx512;
template <>
constexpr Isa kAvx512<kKvInt8A8> = Isa::avx512_vnni;

template <const KvFormat& F>
constexpr std::array kVariantsOf{
    AttentionVariant{"plain_avx512", &F, kAvx512<F>, plain_avx512<F>,
                     plain_scratch_floats<kMostRows<F>>},
    AttentionVariant{"tiled_avx512", &F, kAvx512<F>, tiled_avx512<F>,
                     tiled_scratch_floats<kMostRows<F>>},
    AttentionVariant{"split_avx512", &F, kAvx512<F>, split_avx512<F>,
                     split_scratch_floats<kMostRows<F>>, span_avx512<F>},
    AttentionVariant{"plain_avx2", &F, Isa::avx2, plain_avx2<F>,
                     plain_scratch_floats<kMostRows<F>>},
    AttentionVariant{"tiled_avx2", &F, Isa::avx2, tiled_avx2<F>,
                     tiled_scratch_floats<kMostRows<F>>},
    AttentionVariant{"split_avx2", &F, Isa::avx2, split_avx2<F>, split_scratch_floats<kMostRows<F>>,
                     span_avx2<F>},
    AttentionVariant{"scalar", &F, Isa::baseline, attention_scalar, scalar_scratch_floats},
};

template <const KvFormat&... F>
constexpr auto variants_of_all() {
  std::array<AttentionVariant, (kVariantsOf<F>.size() + ...)> all{};
  auto end = all.begin();
  ((end = std::ranges::copy(kVariantsOf<F>, end).out), ...);
  return all;
}

constexpr std::array kAttentionVariants =
    variants_of_all<kKvF32, kKvBf16, kKvInt8, kKvInt8A8, kKvInt4, kKvInt4Channel, kKvInt2Channel>();

// "tiled" of "tiled_avx2".
std::string_view walk(std::string_view name) { return name.substr(0, name.find('_')); }

}  // namespace

std::span<const AttentionVariant> attention_variants() { return kAttentionVariants; }

const AttentionVariant& resolve_attention(std::string_view name, const KvFormat& format) {
  const AttentionVariant* wanted = nullptr;
  std::string known;
  for (const AttentionVariant& v : kAttentionVariants) {
    if (v.format != &format) continue;
    known += (known.empty() ? "" : ", ") + std::string(v.name);
    if (v.name == name) wanted = &v;
    if (!wanted || !cpu_has(v.needs)) continue;
    if (walk(v.name) == walk(name) || v.needs == Isa::baseline) return v;
  }
  throw std::runtime_error("unknown attention \"" + std::string(name) + "\"; known: " + known);
}

}  // namespace paretune
