// What one forward pass is asked for: a batch of pieces of sequences.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace paretune {

enum class Phase { prefill, decode };  // decode: every segment is one token

// Consecutive tokens of one sequence. The cache already holds positions 0 … past - 1 and has pages
// for all of these.
struct Segment {
  std::span<const int> tokens;
  int past = 0;
  int logits_from = 0;  // tokens from this index on want logits; tokens.size(): none
  std::span<const std::vector<std::byte*>> layer_pages;  // [layer][page]
  std::span<std::byte* const> layer_windows = {};        // [layer] of KvPool::open_window
};

}  // namespace paretune
