#include "runtime/engine/recent_tokens.h"

#include <cstring>

#include "runtime/engine/model.h"

namespace paretune {
namespace {

const Segment& segment_at(std::span<const Segment> segments, int i) {
  return segments[static_cast<std::size_t>(i)];
}

// The same cache, recent tokens in the sequence's own window.
KvPages in_window(KvPages kv, const Segment& segment, int layer) {
  kv.recent = segment.layer_windows[static_cast<std::size_t>(layer)];
  kv.recent_tokens = kv.format->window;
  return kv;
}

void copy_recent(const KvPages& from, const KvPages& to, int begin, int end) {
  const std::size_t bytes = kKvBf16.vector_bytes(from.head_dim);
  for (int head = 0; head < from.n_kv_heads; ++head) {
    for (int t = begin; t < end; ++t) {
      std::memcpy(to.recent_key(t, head), from.recent_key(t, head), bytes);
      std::memcpy(to.recent_value(t, head), from.recent_value(t, head), bytes);
    }
  }
}

}  // namespace

void RecentTokens::plan(const KvPages& kv, std::span<const Segment> segments) {
  const int window = kv.format->window;
  if (window == 0) return;
  chunks_.clear();
  groups_.clear();
  chunk_of_.assign(segments.size(), -1);
  std::size_t bytes = 0;
  for (int i = 0; i < static_cast<int>(segments.size()); ++i) {
    const Segment& segment = segment_at(segments, i);
    const int begin = kv.exact_from(segment.past);
    const int end = segment.past + static_cast<int>(segment.tokens.size());
    for (int t = begin; t < kv.exact_from(end); t += kKvGroup) groups_.push_back({i, t});
    if (end - begin <= window) continue;
    const int tokens = (end - begin + window - 1) / window * window;
    chunk_of_[static_cast<std::size_t>(i)] = static_cast<int>(chunks_.size());
    chunks_.push_back({i, tokens, bytes});
    bytes += kv_recent_bytes(*kv.format, tokens, kv.n_kv_heads, kv.head_dim);
  }
  if (memory_.size() < bytes) memory_ = AlignedBuffer(bytes);
}

KvPages RecentTokens::pages(KvPages kv, std::span<const Segment> segments, int i, int layer) const {
  const Segment& segment = segment_at(segments, i);
  kv.pages = segment.layer_pages[static_cast<std::size_t>(layer)];
  if (kv.format->window == 0) return kv;
  const int chunk = chunk_of_[static_cast<std::size_t>(i)];
  if (chunk < 0) return in_window(kv, segment, layer);
  kv.recent = memory_.data() + chunks_[static_cast<std::size_t>(chunk)].at;
  kv.recent_tokens = chunks_[static_cast<std::size_t>(chunk)].tokens;
  return kv;
}

void RecentTokens::open(const KvPages& kv, std::span<const Segment> segments, int layer,
                        Team& team) const {
  const Team::Range mine = team.share(static_cast<int>(chunks_.size()));
  for (int c = mine.begin; c < mine.end; ++c) {
    const int i = chunks_[static_cast<std::size_t>(c)].segment;
    const Segment& segment = segment_at(segments, i);
    copy_recent(in_window(kv, segment, layer), pages(kv, segments, i, layer),
                kv.exact_from(segment.past), segment.past);
  }
}

void RecentTokens::settle(const KvPages& kv, std::span<const Segment> segments, int layer,
                          Team& team) const {
  if (groups_.empty()) return;
  team.dynamic(static_cast<int>(groups_.size()) * kv.n_kv_heads, [&](int task) {
    const Group& group = groups_[static_cast<std::size_t>(task / kv.n_kv_heads)];
    pages(kv, segments, group.segment, layer).settle(group.first_token, task % kv.n_kv_heads);
  });
}

void RecentTokens::close(const KvPages& kv, std::span<const Segment> segments, int layer,
                         Team& team) const {
  const Team::Range mine = team.share(static_cast<int>(chunks_.size()));
  for (int c = mine.begin; c < mine.end; ++c) {
    const int i = chunks_[static_cast<std::size_t>(c)].segment;
    const Segment& segment = segment_at(segments, i);
    const int end = segment.past + static_cast<int>(segment.tokens.size());
    copy_recent(pages(kv, segments, i, layer), in_window(kv, segment, layer), kv.exact_from(end),
                end);
  }
}

}  // namespace paretune
