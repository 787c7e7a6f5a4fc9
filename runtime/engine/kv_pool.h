// The paged KV cache: pages of kv_page_tokens tokens for all layers, handed to sequences, shared
// between prompts that begin alike, and evicted least recently used first.
//
// A page is named by the hash of all tokens up to its end (the chain of its predecessors), so a
// lookup of a prompt's pages is one map lookup a page. Only full pages of prompts are shared; they
// are never written again. A page is whole windows of its format, so what is shared needs nothing
// that is exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernels/kv_pages.h"
#include "runtime/engine/aligned_buffer.h"
#include "runtime/model/model_shape.h"

namespace paretune {

class KvPool {
 public:
  using PageId = int;

  KvPool(const ModelShape& shape, const KvFormat& format, int page_tokens, int capacity_tokens);

  int page_tokens() const { return page_tokens_; }
  int pages() const { return static_cast<int>(pages_.size()); }
  int pages_for(int tokens) const { return (tokens + page_tokens_ - 1) / page_tokens_; }
  int available() const { return available_; }  // pages that allocate() can still give
  // Of pages and windows ever given, and with all pages.
  std::size_t allocated_bytes() const { return page_memory_bytes_ + window_bytes_; }
  std::size_t capacity_bytes() const { return pages_.size() * page_bytes_ + window_bytes_; }

  // A page of one's own, evicting a cached prefix if need be. available() must be > 0.
  PageId allocate();
  void retain(PageId page);  // one more owner
  void release(
      PageId page);  // the last owner's release leaves a named page in the cache and frees another

  // Prefix cache. key(parent, tokens) chains hashes; parent of the first page is 0.
  static std::uint64_t key(std::uint64_t parent, std::span<const int> tokens);
  // The page with this key and these very tokens, retained for the caller; -1: not cached.
  PageId find(std::uint64_t key, std::span<const int> tokens);
  // Makes a full page findable. Ignored if the key is taken.
  void publish(PageId page, std::uint64_t key, std::span<const int> tokens);
  void clear_cache();

  // Storage of one layer of a page.
  std::byte* layer(PageId page, int layer) const;

  // Where a sequence's recent tokens are exact until their window is full (KvPages::recent), by
  // layer; nothing if the format has no window. Beside the capacity, which counts pages.
  std::vector<std::byte*> open_window();
  void close_window(std::span<std::byte* const> layers);

 private:
  struct Page {
    std::byte* memory = nullptr;  // in a slab, from its first use on
    int owners = 0;
    std::uint64_t key = 0;  // 0: not published
    std::vector<int> tokens;
    std::list<PageId>::iterator lru;  // valid where owners == 0 and key != 0
  };
  void unpublish(PageId page);
  std::byte* new_page_memory();

  int page_tokens_;
  int n_layers_;
  std::size_t layer_bytes_;
  std::size_t page_bytes_;
  std::size_t window_layer_bytes_;
  int available_;
  std::size_t page_memory_bytes_ = 0, window_bytes_ = 0;
  std::vector<Page> pages_;
  std::vector<PageId> free_;
  std::vector<AlignedBuffer> slabs_;  // each of many pages, for huge pages
  std::size_t slab_pages_;
  std::size_t pages_left_ = 0;  // of the last slab
  std::vector<AlignedBuffer> windows_;
  std::vector<std::byte*> free_windows_;  // by their first layer
  std::list<PageId> cached_;              // without owners, least recently used first
  std::unordered_map<std::uint64_t, PageId> by_key_;
};

}  // namespace paretune
