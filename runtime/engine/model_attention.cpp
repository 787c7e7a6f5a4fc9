// The attention of a layer, between the products before and after it: how a step's queries are
// shared among threads, and each thread's part.
#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/elementwise.h"
#include "runtime/engine/model.h"
#include "runtime/engine/rows.h"

namespace paretune {

// A task for every KV head and tile of tokens; where that leaves threads idle while one token's
// cache is read, its keys are shared in spans, if the kernel can.
void Model::plan_attention(std::span<const Segment> segments, int threads, Workspace& w) const {
  const ModelShape& s = shape();
  const std::size_t floats = span_floats(s.n_heads, s.n_kv_heads, s.head_dim);
  const bool few = static_cast<int>(segments.size()) * s.n_kv_heads < 4 * threads;
  std::size_t partials = 0;
  w.attention_tasks.clear();
  w.merge_tasks.clear();
  w.segments_cut = false;
  const auto shard_end = [&](int row) { return *std::ranges::upper_bound(w.shard_ends, row); };
  for (int i = 0; i < static_cast<int>(segments.size()); ++i) {
    const Segment& segment = segments[static_cast<std::size_t>(i)];
    const int n = static_cast<int>(segment.tokens.size());
    const int spans = span_count(segment.past + 1);
    const bool shared = attention_->run_span && threads > 1 && w.shard_ends.size() == 1 && few &&
                        n == 1 && spans > 1;
    const int first_row = w.segment_row[static_cast<std::size_t>(i)];
    w.segments_cut |= shard_end(first_row) < first_row + n;
    for (int head = 0; head < s.n_kv_heads; ++head) {
      if (shared) {
        w.merge_tasks.push_back({i, head, 0, 1, spans, partials});
        for (int span = 0; span < spans; ++span, partials += floats) {
          w.attention_tasks.push_back({i, head, 0, 1, span, partials});
        }
        continue;
      }
      for (int begin = 0, end; begin < n; begin = end) {
        end = std::min({begin + kAttentionTile, n, shard_end(first_row + begin) - first_row});
        w.attention_tasks.push_back({i, head, begin, end});
      }
    }
  }
  if (w.partials.size() < partials) w.partials.resize(partials);
}

KvPages Model::cache_layout() const {
  return {.format = config_.kv_cache,
          .page_tokens = config_.kv_page_tokens,
          .n_kv_heads = shape().n_kv_heads,
          .head_dim = shape().head_dim};
}

// Bias, head norms and RoPE on w.qkv, keys and values into the cache, then attention into
// w.attention.
void Model::attend(int index, std::span<const Segment> segments, Workspace& w,
                   const Shard& shard) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  Team& team = shard.team;
  const int width = layer.qkv.packed.n;
  const auto head_dim = static_cast<std::size_t>(s.head_dim);
  const auto queries = static_cast<std::size_t>(s.n_heads) * head_dim;
  const auto keys = static_cast<std::size_t>(s.n_kv_heads) * head_dim;
  const KvPages layout = cache_layout();
  const auto pages_of = [&](int segment) {
    return w.recent.pages(layout, segments, segment, index);
  };

  w.recent.open(layout, segments, index, team);
  const Team::Range mine = shard.mine();
  for (int r = mine.begin; r < mine.end; ++r) {
    const std::span<float> qkv = row_of(w.qkv, r, width);
    if (s.qkv_bias) add(qkv, layer.qkv_bias);
    const std::span<float> query = qkv.first(queries), key = qkv.subspan(queries, keys);
    const std::span<const float> value = qkv.subspan(queries + keys);
    if (s.qk_norm) {
      for (std::size_t i = 0; i < queries; i += head_dim) {
        rms_norm(query.subspan(i, head_dim), layer.q_norm, s.rms_epsilon,
                 query.subspan(i, head_dim));
      }
      for (std::size_t i = 0; i < keys; i += head_dim) {
        rms_norm(key.subspan(i, head_dim), layer.k_norm, s.rms_epsilon, key.subspan(i, head_dim));
      }
    }
    const std::span<const float> cosines = row_of(w.cosines, r, s.head_dim / 2),
                                 sines = row_of(w.sines, r, s.head_dim / 2);
    rope(query, s.head_dim, cosines, sines);
    rope(key, s.head_dim, cosines, sines);
    std::ranges::copy(
        query,
        row_of(w.query, r, static_cast<int>(queries)).begin());  // rows as attention wants them
    const KvPages kv = pages_of(w.row_segment[static_cast<std::size_t>(r)]);
    const int position = w.row_position[static_cast<std::size_t>(r)];
    for (int head = 0; head < s.n_kv_heads; ++head) {
      const std::size_t offset = static_cast<std::size_t>(head) * head_dim;
      kv.store(position, head, key.subspan(offset, head_dim), value.subspan(offset, head_dim));
    }
  }
  if (shard.whole() || w.segments_cut) shard.all.barrier();
  w.recent.settle(layout, segments, index, team);
  const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
  const auto first_row = [&](const Workspace::AttentionTask& task) {
    return row_offset(w.segment_row[static_cast<std::size_t>(task.segment)],
                      static_cast<int>(queries));
  };
  team.dynamic(static_cast<int>(w.attention_tasks.size()), [&](int i) {
    const Workspace::AttentionTask& task = w.attention_tasks[static_cast<std::size_t>(i)];
    const int row = w.segment_row[static_cast<std::size_t>(task.segment)] + task.begin;
    if (row < shard.begin || row >= shard.begin + shard.rows) return;
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    const std::size_t first = first_row(task);
    if (task.span >= 0) {
      attention_->run_span(w.query.data() + first, s.n_heads, pages_of(task.segment), segment.past,
                           task.kv_head, task.span, scale, shard.scratch,
                           w.partials.data() + task.partial);
      return;
    }
    attention_->run(w.query.data() + first, s.n_heads, pages_of(task.segment), segment.past,
                    task.kv_head, task.begin, task.end, scale, shard.scratch,
                    w.attention.data() + first);
  });
  w.recent.close(layout, segments, index, team);
  if (w.merge_tasks.empty()) return;
  team.dynamic(static_cast<int>(w.merge_tasks.size()), [&](int i) {
    const Workspace::AttentionTask& task = w.merge_tasks[static_cast<std::size_t>(i)];
    merge_spans(w.partials.data() + task.partial, task.span, s.n_heads, pages_of(task.segment),
                task.kv_head, w.attention.data() + first_row(task));
  });
}

}  // namespace paretune
