// The two ways through a paged cache that every vectorized attention takes, written once over small
// operations:
//
//   plain  all scores of a row, softmax, weighted sum of values; scratch grows with the context
//   tiled  blocks of 64 keys, running maximum and sum (online softmax, arXiv:1805.02867)
//
// A row is one query head of one token. The rows of one KV head's group, over a few tokens, go
// together, so that a key or value is read and converted once for all of them. Blocks of keys start
// at multiples of 64 whatever the query, so a row's result depends neither on how many tokens come
// with it nor on how callers split them.
//
// Ops are expand, scores, maximum, exponentials, accumulate, and for formats with a window
// expand_keys and the Ops of its exact tokens, as attention_avx512.cpp explains them; or, in
// integers, encode_queries, score_block and weigh_block (attention_vnni.cpp). dp is head_dim padded
// to 16 with zeros.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/attention.h"
#include "kernels/attention_rounding.h"

namespace paretune {

inline constexpr int kKeyBlock = 64;
// Rows worked on at once, or one token's group if that is more; more in integers, whose keys and
// values are laid out anew for each time.
inline constexpr int kFloatRows = 16, kIntegerRows = 64;

constexpr int padded_head_dim(int head_dim) { return (head_dim + 15) / 16 * 16; }
constexpr int tokens_at_once(int group, int rows) { return std::max(1, rows / group); }

// The working memory of one call, carved from the caller's.
struct AttentionScratch {
  float* queries;      // (rows, dp), scaled
  std::int8_t* codes;  // (rows, dp): queries in integers
  float* sums;         // (rows, dp): weighted values
  float* block;        // (64, dp): keys or values as f32
  float* maxima;       // (rows)
  float* totals;       // (rows)
  float* scores;       // (rows, scores_stride)

  static std::size_t floats(int rows, int head_dim, std::size_t scores_stride) {
    const std::size_t dp = padded_head_dim(head_dim),
                      padded_rows = (std::size_t(rows) + 15) / 16 * 16;
    return rows * dp * 2 + padded_rows * dp / 4 + kKeyBlock * dp + 2 * padded_rows +
           rows * scores_stride + 16;
  }

  AttentionScratch(std::span<float> memory, int rows, int head_dim, std::size_t scores_stride) {
    assert(memory.size() >= floats(rows, head_dim, scores_stride));
    (void)scores_stride;
    const std::size_t dp = padded_head_dim(head_dim),
                      padded_rows = (std::size_t(rows) + 15) / 16 * 16;
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    queries = memory.data() + (64 - address % 64) % 64 / sizeof(float);
    codes = reinterpret_cast<std::int8_t*>(queries + rows * dp);
    sums = queries + rows * dp + padded_rows * dp / 4;
    block = sums + rows * dp;
    maxima = block + kKeyBlock * dp;
    totals = maxima + padded_rows;
    scores = totals + padded_rows;
  }
};

template <int Rows>
std::size_t tiled_scratch_floats(int, int n_heads, int n_kv_heads, int head_dim) {
  const int group = n_heads / n_kv_heads;
  return AttentionScratch::floats(group * tokens_at_once(group, Rows), head_dim, kKeyBlock);
}
constexpr std::size_t padded_context(int context) {
  return (std::size_t(context) + kKeyBlock - 1) / kKeyBlock * kKeyBlock;
}
template <int Rows>
std::size_t plain_scratch_floats(int context, int n_heads, int n_kv_heads, int head_dim) {
  const int group = n_heads / n_kv_heads;
  return AttentionScratch::floats(group * tokens_at_once(group, Rows), head_dim,
                                  padded_context(context));
}

// Calls visit(done, stored, run) for every page's run of keys or values [begin, begin + count) of a
// format without a window: `run` vectors from `stored` on, the first being begin + done.
template <class Visit>
void for_each_run(const KvPages& kv, bool keys, int kv_head, int begin, int count, Visit&& visit) {
  for (int done = 0, run = 0; done < count; done += run) {
    const int token = begin + done;
    run = std::min(count - done, kv.page_tokens - token % kv.page_tokens);
    visit(done, keys ? kv.key(token, kv_head) : kv.value(token, kv_head), run);
  }
}

// Keys or values [begin, begin + count) as the rows' tokens see them (exact from exact_from on), as
// f32, `count` then padded with zero rows to a multiple of 4.
template <class Ops>
void expand_block(const KvPages& kv, bool keys, int kv_head, int begin, int count, int exact_from,
                  float* out) {
  const int dp = padded_head_dim(kv.head_dim);
  const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
  if constexpr (Ops::kWindowed) {
    for (int done = 0, run = 0; done < count; done += run) {
      const int token = begin + done;
      float* const rows = out + std::size_t(done) * dp;
      if (token >= exact_from) {  // page by page
        run = std::min(count - done, kv.recent_tokens - token % kv.recent_tokens);
        Ops::Exact::expand(keys ? kv.recent_key(token, kv_head) : kv.recent_value(token, kv_head),
                           kKvBf16.vector_bytes(kv.head_dim), run, kv.head_dim, dp, rows);
        continue;
      }
      // Group by group, at whose first token every block and window begins.
      run = std::min(count - done, kKvGroup);
      if (keys) {
        Ops::expand_keys(kv.key(token, kv_head), run, kv.head_dim, dp, rows);
      } else {
        Ops::expand(kv.value(token, kv_head), bytes, run, kv.head_dim, dp, rows);
      }
    }
  } else {
    for_each_run(kv, keys, kv_head, begin, count, [&](int done, const std::byte* stored, int run) {
      Ops::expand(stored, bytes, run, kv.head_dim, dp, out + std::size_t(done) * dp);
    });
  }
  std::fill(out + std::size_t(count) * dp, out + std::size_t((count + 3) / 4 * 4) * dp, 0.0f);
}

// Asks for the block that `rows` rows read next, where they are few enough to wait for it. Pages
// lie apart, so that the hardware sees no stream to follow.
template <class Ops>
void prefetch_block(int rows, const KvPages& kv, bool keys, int kv_head, int begin, int end) {
  if (rows > Ops::kStoredRows) return;
  const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
  for_each_run(kv, keys, kv_head, begin, std::min(kKeyBlock, end - begin),
               [&](int, const std::byte* stored, int run) {
                 for (std::size_t i = 0; i < static_cast<std::size_t>(run) * bytes; i += 64)
                   __builtin_prefetch(stored + i);
               });
}

// scores (rows, stride) of s.queries with keys [begin, begin + count)
template <class Ops>
void score_block(const AttentionScratch& s, int rows, const KvPages& kv, int kv_head, int begin,
                 int count, int exact_from, float* scores, std::size_t stride) {
  const int dp = padded_head_dim(kv.head_dim);
  if constexpr (Ops::kIntegers) {
    Ops::score_block(s, rows, kv, kv_head, begin, count, scores, stride);
    return;
  } else {
    if constexpr (Ops::kStoredRows > 0) {
      if (rows <= Ops::kStoredRows) {
        const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
        for_each_run(kv, true, kv_head, begin, count,
                     [&](int done, const std::byte* stored, int run) {
                       Ops::scores_of_stored(s.queries, rows, stored, bytes, run, kv.head_dim, dp,
                                             scores + done, stride);
                     });
        return;
      }
    }
    expand_block<Ops>(kv, true, kv_head, begin, count, exact_from, s.block);
    Ops::scores(s.queries, rows, s.block, (count + 3) / 4 * 4, dp, scores, stride);
  }
}

// The scales of values [begin, begin + count) of a format that has one for each.
inline std::array<float, kKeyBlock> value_scales(const KvPages& kv, int kv_head, int begin,
                                                 int count) {
  std::array<float, kKeyBlock> scales{};
  const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
  for_each_run(kv, false, kv_head, begin, count, [&](int done, const std::byte* stored, int run) {
    for (int i = 0; i < run; ++i)
      scales[std::size_t(done + i)] =
          *reinterpret_cast<const float*>(stored + std::size_t(i) * bytes);
  });
  return scales;
}

// s.sums (rows, dp) += weights (rows, stride) times values [begin, begin + count). The weights may
// be rounded in place.
template <class Ops>
void weigh_block(const AttentionScratch& s, int rows, const KvPages& kv, int kv_head, int begin,
                 int count, int exact_from, float* weights, std::size_t stride) {
  const int dp = padded_head_dim(kv.head_dim);
  if constexpr (Ops::kIntegers) {
    Ops::weigh_block(s, rows, kv, kv_head, begin, count, weights, stride);
    return;
  } else {
    if constexpr (Ops::kStoredRows > 0) {
      if (rows <= Ops::kStoredRows) {
        const std::size_t bytes = kv.format->vector_bytes(kv.head_dim);
        for_each_run(kv, false, kv_head, begin, count,
                     [&](int done, const std::byte* stored, int run) {
                       Ops::accumulate_stored(weights + done, stride, rows, stored, bytes, run,
                                              kv.head_dim, dp, s.sums);
                     });
        return;
      }
    }
    if (kv.format->a8) {
      const auto scales = value_scales(kv, kv_head, begin, count);
      for (int row = 0; row < rows; ++row)
        round_weights({weights + std::size_t(row) * stride, std::size_t(count)},
                      std::span(scales).first(std::size_t(count)));
    }
    expand_block<Ops>(kv, false, kv_head, begin, count, exact_from, s.block);
    Ops::accumulate(weights, stride, rows, s.block, count, dp, s.sums);
  }
}

// The queries of tokens [token, token + tokens) for one KV head: row t * group + h.
template <class Ops>
void gather_queries(const float* q, int n_heads, const KvPages& kv, int kv_head, int group,
                    int token, int tokens, float scale, const AttentionScratch& s) {
  const int head_dim = kv.head_dim, dp = padded_head_dim(head_dim);
  float* out = s.queries;
  for (int row = 0; row < tokens * group; ++row, out += dp) {
    const std::size_t head = std::size_t(kv_head) * group + row % group;
    const float* from = q + (std::size_t(token + row / group) * n_heads + head) * head_dim;
    for (int d = 0; d < head_dim; ++d) out[d] = from[d] * scale;
    if (kv.format->rotated) rotate({out, std::size_t(head_dim)});
    std::fill(out + head_dim, out + dp, 0.0f);
    if (!Ops::kIntegers && kv.format->a8)
      round_query({out, std::size_t(head_dim)}, {s.codes, std::size_t(head_dim)});
  }
  if constexpr (Ops::kIntegers) Ops::encode_queries(s, tokens * group, dp);
}

inline void scatter_outputs(const float* sums, const float* totals, int n_heads, const KvPages& kv,
                            int kv_head, int group, int token, int tokens, float* out) {
  const int head_dim = kv.head_dim, dp = padded_head_dim(head_dim);
  for (int row = 0; row < tokens * group; ++row, sums += dp) {
    const std::size_t head = std::size_t(kv_head) * group + row % group;
    float* to = out + (std::size_t(token + row / group) * n_heads + head) * head_dim;
    const float inverse = 1 / totals[row];
    for (int d = 0; d < head_dim; ++d) to[d] = sums[d] * inverse;
    if (kv.format->rotated) rotate({to, std::size_t(head_dim)});
  }
}

// Rows of queries that go together, and what they have seen so far: sums of values weighted by
// exp(score - maximum), and the totals of the weights.
struct RowsState {
  float* sums;    // (rows, dp)
  float* maxima;  // (rows)
  float* totals;  // (rows)

  static std::size_t floats(int rows, int head_dim) {
    return std::size_t(rows) * std::size_t(padded_head_dim(head_dim) + 2);
  }
  void clear(int rows, int dp) const {
    std::fill_n(sums, std::size_t(rows) * dp, 0.0f);
    std::fill_n(maxima, rows, -std::numeric_limits<float>::infinity());
    std::fill_n(totals, rows, 0.0f);
  }
  // Takes in what other keys gave; in one order always, for sums depend on it.
  void merge(const RowsState& other, int rows, int dp) const {
    for (int row = 0; row < rows; ++row) {
      if (other.totals[row] == 0) continue;  // saw nothing
      const float maximum = std::max(maxima[row], other.maxima[row]);
      const float mine = std::exp(maxima[row] - maximum);
      const float theirs = std::exp(other.maxima[row] - maximum);
      maxima[row] = maximum;
      totals[row] = totals[row] * mine + other.totals[row] * theirs;
      float* to = sums + std::size_t(row) * dp;
      const float* from = other.sums + std::size_t(row) * dp;
      for (int d = 0; d < dp; ++d) to[d] = to[d] * mine + from[d] * theirs;
    }
  }
};

// Keys [key_begin, key_end) for rows that lie in s.queries: tokens of a group each, that read alike
// (KvPages::together), the first being position `first`. key_begin is a multiple of kKeyBlock.
template <class Ops>
void attend_keys(const AttentionScratch& s, int rows, int group, const KvPages& kv, int kv_head,
                 int first, int key_begin, int key_end) {
  constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
  const int dp = padded_head_dim(kv.head_dim), exact_from = kv.exact_from(first);
  for (int begin = key_begin; begin < key_end; begin += kKeyBlock) {
    const int count = std::min(kKeyBlock, key_end - begin);
    prefetch_block<Ops>(rows, kv, false, kv_head, begin, key_end);
    score_block<Ops>(s, rows, kv, kv_head, begin, count, exact_from, s.scores, kKeyBlock);
    for (int row = 0; row < rows; ++row) {
      float* scores = s.scores + row * kKeyBlock;
      const int visible = std::clamp(first + row / group + 1 - begin, 0, count);
      if (visible == 0) {  // this token ends before the block
        std::fill_n(scores, count, 0.0f);
        continue;
      }
      const int whole = (count + 15) / 16 * 16;
      std::fill(scores + visible, scores + whole, kMinusInfinity);
      const float maximum = std::max(s.maxima[row], Ops::maximum(scores, whole));
      if (maximum > s.maxima[row]) {
        const float factor = std::exp(s.maxima[row] - maximum);
        s.totals[row] *= factor;
        float* sums = s.sums + std::size_t(row) * dp;
        for (int d = 0; d < dp; ++d) sums[d] *= factor;
        s.maxima[row] = maximum;
      }
      s.totals[row] += Ops::exponentials(scores, whole, maximum);
    }
    prefetch_block<Ops>(rows, kv, true, kv_head, begin + kKeyBlock, key_end);
    weigh_block<Ops>(s, rows, kv, kv_head, begin, count, exact_from, s.scores, kKeyBlock);
  }
}

template <class Ops>
void tiled_attention(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                     int token_begin, int token_end, float scale, std::span<float> memory,
                     float* out) {
  const int group = n_heads / kv.n_kv_heads, dp = padded_head_dim(kv.head_dim);
  const int at_once = tokens_at_once(group, Ops::kRows);
  const AttentionScratch s(memory, group * at_once, kv.head_dim, kKeyBlock);
  for (int token = token_begin, tokens; token < token_end; token += tokens) {
    tokens = kv.together(past + token, std::min(at_once, token_end - token));
    const int rows = tokens * group;
    gather_queries<Ops>(q, n_heads, kv, kv_head, group, token, tokens, scale, s);
    RowsState{s.sums, s.maxima, s.totals}.clear(rows, dp);
    attend_keys<Ops>(s, rows, group, kv, kv_head, past + token, 0, past + token + tokens);
    scatter_outputs(s.sums, s.totals, n_heads, kv, kv_head, group, token, tokens, out);
  }
}

// ---- split: the keys in spans of kSpanKeys, each attended on its own, merged in their order

template <int Rows>
std::size_t split_scratch_floats(int, int n_heads, int n_kv_heads, int head_dim) {
  const int group = n_heads / n_kv_heads, rows = group * tokens_at_once(group, Rows);
  return AttentionScratch::floats(rows, head_dim, kKeyBlock) + RowsState::floats(rows, head_dim);
}

// Where the state of rows lies in memory of RowsState::floats.
inline RowsState state_in(float* memory, int rows, int dp) {
  float* const maxima = memory + std::size_t(rows) * dp;
  return {memory, maxima, maxima + rows};
}

template <class Ops>
void split_attention(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                     int token_begin, int token_end, float scale, std::span<float> memory,
                     float* out) {
  const int group = n_heads / kv.n_kv_heads, dp = padded_head_dim(kv.head_dim);
  const int at_once = tokens_at_once(group, Ops::kRows);
  const std::size_t state_floats = RowsState::floats(group * at_once, kv.head_dim);
  const AttentionScratch s(memory.subspan(state_floats), group * at_once, kv.head_dim, kKeyBlock);
  for (int token = token_begin, tokens; token < token_end; token += tokens) {
    tokens = kv.together(past + token, std::min(at_once, token_end - token));
    const int rows = tokens * group;
    const RowsState merged = state_in(memory.data(), rows, dp), span{s.sums, s.maxima, s.totals};
    gather_queries<Ops>(q, n_heads, kv, kv_head, group, token, tokens, scale, s);
    merged.clear(rows, dp);
    const int context = past + token + tokens;
    for (int begin = 0; begin < context; begin += kSpanKeys) {
      span.clear(rows, dp);
      attend_keys<Ops>(s, rows, group, kv, kv_head, past + token, begin,
                       std::min(begin + kSpanKeys, context));
      merged.merge(span, rows, dp);
    }
    scatter_outputs(merged.sums, merged.totals, n_heads, kv, kv_head, group, token, tokens, out);
  }
}

template <class Ops>
void attend_span(const float* q, int n_heads, const KvPages& kv, int past, int kv_head, int span,
                 float scale, std::span<float> memory, float* partial) {
  const int group = n_heads / kv.n_kv_heads, dp = padded_head_dim(kv.head_dim);
  AttentionScratch s(memory, group, kv.head_dim, kKeyBlock);
  const RowsState state = state_in(partial, group, dp);
  s.sums = state.sums, s.maxima = state.maxima, s.totals = state.totals;
  gather_queries<Ops>(q, n_heads, kv, kv_head, group, 0, 1, scale, s);
  state.clear(group, dp);
  attend_keys<Ops>(s, group, group, kv, kv_head, past, span * kSpanKeys,
                   std::min((span + 1) * kSpanKeys, past + 1));
}

template <class Ops>
void plain_attention(const float* q, int n_heads, const KvPages& kv, int past, int kv_head,
                     int token_begin, int token_end, float scale, std::span<float> memory,
                     float* out) {
  constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
  const int group = n_heads / kv.n_kv_heads, dp = padded_head_dim(kv.head_dim);
  const int at_once = tokens_at_once(group, Ops::kRows);
  const std::size_t stride = padded_context(past + token_end);
  const AttentionScratch s(memory, group * std::min(at_once, token_end - token_begin), kv.head_dim,
                           stride);
  for (int token = token_begin, tokens; token < token_end; token += tokens) {
    tokens = kv.together(past + token, std::min(at_once, token_end - token));
    const int rows = tokens * group;
    gather_queries<Ops>(q, n_heads, kv, kv_head, group, token, tokens, scale, s);
    std::fill_n(s.sums, std::size_t(rows) * dp, 0.0f);
    const int context = past + token + tokens, exact_from = kv.exact_from(past + token);
    for (int begin = 0; begin < context; begin += kKeyBlock) {
      const int count = std::min(kKeyBlock, context - begin);
      const bool last = begin + kKeyBlock >= context;
      prefetch_block<Ops>(rows, kv, !last, kv_head, last ? 0 : begin + kKeyBlock, context);
      score_block<Ops>(s, rows, kv, kv_head, begin, count, exact_from, s.scores + begin, stride);
    }
    const int whole = (context + 15) / 16 * 16;
    for (int row = 0; row < rows; ++row) {
      float* scores = s.scores + row * stride;
      std::fill(scores + past + token + row / group + 1, scores + whole, kMinusInfinity);
      s.totals[row] = Ops::exponentials(scores, whole, Ops::maximum(scores, whole));
    }
    for (int begin = 0; begin < context; begin += kKeyBlock) {
      const int count = std::min(kKeyBlock, context - begin);
      prefetch_block<Ops>(rows, kv, false, kv_head, begin + kKeyBlock, context);
      weigh_block<Ops>(s, rows, kv, kv_head, begin, count, exact_from, s.scores + begin, stride);
    }
    scatter_outputs(s.sums, s.totals, n_heads, kv, kv_head, group, token, tokens, out);
  }
}

}  // namespace paretune
