// What a step does about KV formats whose recent tokens are exact (KvFormat::window); nothing about
// the others.
//
// Between steps a sequence keeps one window of them (KvPool::open_window). A prompt's chunk that
// goes beyond that window is stored in memory of the step, which every layer overwrites, together
// with what the window held.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/kv_pages.h"
#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

struct Segment;

// Every thread calls, for a layer: open; KvPages::store of its tokens; a barrier; settle;
// attention; a barrier; close. `kv` says all but pages and recent tokens.
class RecentTokens {
 public:
  void plan(const KvPages& kv, std::span<const Segment> segments);
  // Segment i's cache of a layer.
  KvPages pages(KvPages kv, std::span<const Segment> segments, int i, int layer) const;
  // Fetches what the chunks' first windows hold already. No barrier.
  void open(const KvPages& kv, std::span<const Segment> segments, int layer, Team& team) const;
  // Puts windows that this step fills into their pages. Ends with a barrier if there are any.
  void settle(const KvPages& kv, std::span<const Segment> segments, int layer, Team& team) const;
  // Keeps what lies in the chunks' last windows. No barrier.
  void close(const KvPages& kv, std::span<const Segment> segments, int layer, Team& team) const;

  std::size_t bytes() const { return memory_.size(); }

 private:
  struct Chunk {
    int segment;
    int tokens;  // room for these, a multiple of the window
    std::size_t at;
  };
  struct Group {
    int segment, first_token;
  };
  std::vector<Chunk> chunks_;
  std::vector<int> chunk_of_;  // [segment], -1: its window suffices
  std::vector<Group> groups_;
  AlignedBuffer memory_;
};

}  // namespace paretune
