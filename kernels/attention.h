// Causal grouped-query attention of one sequence over its paged KV cache.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kernels/isa.h"
#include "kernels/kv_pages.h"

namespace paretune {

struct AttentionVariant {
  std::string_view name;  // "tiled_…": online softmax over blocks of keys; "split_…": in spans;
                          // "plain_…"; "scalar"
  const KvFormat* format;
  Isa needs;
  // Query tokens [token_begin, token_end) of the n_tokens that follow `past` cached ones (their own
  // keys and values are already stored), for the query heads of one KV head. Token t sees cache
  // positions 0 … past + t.
  //   q, out: (n_tokens, n_heads, head_dim); scale: usually 1/sqrt(head_dim)
  //   scratch: at least scratch_floats(...) floats, one caller each
  void (*run)(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
              int token_begin, int token_end, float scale, std::span<float> scratch, float* out);
  // Enough for every call whose tokens see at most `context` positions.
  std::size_t (*scratch_floats)(int context, int n_heads, int n_kv_heads, int head_dim);

  // Where several threads may share one token: what run does for a token that follows `past` cached
  // ones, for the keys of one span (of kSpanKeys) alone, into partial (span_floats). nullptr: not
  // offered. merge_spans then gives, to the bit, what run gives.
  void (*run_span)(const float* q, int n_heads, const KvPages& kv, int past, int kv_head, int span,
                   float scale, std::span<float> scratch, float* partial) = nullptr;
};

inline constexpr int kSpanKeys = 256;
constexpr int span_count(int context) { return (context + kSpanKeys - 1) / kSpanKeys; }
std::size_t span_floats(int n_heads, int n_kv_heads, int head_dim);
// partials: (span_count(past + 1), span_floats); overwritten. out: (n_heads, head_dim) of the
// token, of which the KV head's heads are written.
void merge_spans(float* partials, int spans, int n_heads, const KvPages& kv, int kv_head,
                 float* out);

// Best first for short contexts; scalar last.
std::span<const AttentionVariant> attention_variants();

// Names a user may choose: "tiled_avx512", "plain_avx512", "split_avx512", the same with avx2,
// "scalar". Where the CPU lacks the instructions, falls to the same walk ("tiled", …) with fewer,
// then to scalar. Throws std::runtime_error with the known names if `name` is none of them.
const AttentionVariant& resolve_attention(std::string_view name, const KvFormat& format);

}  // namespace paretune
