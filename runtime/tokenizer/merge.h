// The loop shared by all BPE: join the best pair of neighbours until none can be joined, in O(n log
// n).
#pragma once

#include <cstddef>
#include <optional>
#include <queue>
#include <tuple>
#include <vector>

namespace paretune {

// A piece of the word under way, in a doubly linked list by index (-1: none).
struct Symbol {
  int id;              // token; -1: not in the vocabulary
  std::size_t begin;   // byte offset
  std::size_t length;  // bytes; 0: joined to its left neighbour
  std::ptrdiff_t prev;
  std::ptrdiff_t next;
};

struct Join {
  double cost;  // a merge's rank, or minus a token's score: the smallest is joined first
  int id;       // of the joined token
};

inline void append_symbol(std::vector<Symbol>& symbols, int id, std::size_t begin,
                          std::size_t length) {
  const auto index = static_cast<std::ptrdiff_t>(symbols.size());
  if (index > 0) symbols.back().next = index;
  symbols.push_back({id, begin, length, index - 1, -1});
}

// find(left, right) -> std::optional<Join>. Among equal costs the leftmost pair goes first.
template <class Find>
void merge_symbols(std::vector<Symbol>& symbols, const Find& find) {
  struct Candidate {
    double cost;
    std::ptrdiff_t left;
    std::ptrdiff_t right;
    std::size_t
        length;  // of the two when this was queued: neither has grown since if it still holds
    int id;
    bool operator<(const Candidate& o) const {  // the queue's top is its largest
      return std::tie(cost, left) > std::tie(o.cost, o.left);
    }
  };
  std::priority_queue<Candidate> queue;
  const auto consider = [&](std::ptrdiff_t left, std::ptrdiff_t right) {
    if (left < 0 || right < 0) return;
    const Symbol &a = symbols[left], &b = symbols[right];
    if (const std::optional<Join> join = find(a, b)) {
      queue.push({join->cost, left, right, a.length + b.length, join->id});
    }
  };

  for (std::size_t i = 1; i < symbols.size(); ++i) consider(i - 1, i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol &a = symbols[best.left], &b = symbols[best.right];
    if (a.length == 0 || b.length == 0 || a.length + b.length != best.length) continue;
    a.id = best.id;
    a.length = best.length;
    a.next = b.next;
    if (b.next >= 0) symbols[b.next].prev = best.left;
    b.length = 0;
    consider(a.prev, best.left);
    consider(best.left, a.next);
  }
}

}  // namespace paretune
