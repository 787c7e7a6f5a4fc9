#include "runtime/engine/kv_pool.h"

#include <algorithm>
#include <cassert>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kernels/packing.h"

namespace paretune {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{8} << 20;

}  // namespace

KvPool::KvPool(const ModelShape& shape, const KvFormat& format, int page_tokens,
               int capacity_tokens)
    : page_tokens_(page_tokens),
      n_layers_(shape.n_layers),
      layer_bytes_(kv_page_bytes(format, page_tokens, shape.n_kv_heads, shape.head_dim)),
      page_bytes_(round_up_64(layer_bytes_ * static_cast<std::size_t>(shape.n_layers))),
      window_layer_bytes_(kv_recent_bytes(format, format.window, shape.n_kv_heads, shape.head_dim)),
      available_(std::max(1, capacity_tokens / page_tokens)),
      pages_(static_cast<std::size_t>(available_)),
      slab_pages_(std::clamp<std::size_t>(kSlabBytes / std::max<std::size_t>(page_bytes_, 1), 1,
                                          pages_.size())) {
  assert(format.window == 0 || page_tokens % format.window == 0);
  free_.reserve(pages_.size());
  for (int page = available_ - 1; page >= 0; --page) free_.push_back(page);
}

std::byte* KvPool::new_page_memory() {
  if (pages_left_ == 0) {
    slabs_.emplace_back(slab_pages_ * page_bytes_);
    pages_left_ = slab_pages_;
  }
  page_memory_bytes_ += page_bytes_;
  return slabs_.back().data() + (slab_pages_ - pages_left_--) * page_bytes_;
}

KvPool::PageId KvPool::allocate() {
  assert(available_ > 0);
  if (free_.empty()) {
    const PageId oldest = cached_.front();
    cached_.pop_front();
    unpublish(oldest);
    free_.push_back(oldest);
  }
  const PageId id = free_.back();
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (!page.memory && page_bytes_ > 0) page.memory = new_page_memory();
  free_.pop_back();
  page.owners = 1;
  --available_;
  return id;
}

void KvPool::retain(PageId id) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (page.owners++ == 0) {
    cached_.erase(page.lru);
    --available_;
  }
}

void KvPool::release(PageId id) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  assert(page.owners > 0);
  if (--page.owners > 0) return;
  ++available_;
  if (page.key != 0) {
    page.lru = cached_.insert(cached_.end(), id);
  } else {
    free_.push_back(id);
  }
}

std::uint64_t KvPool::key(std::uint64_t parent, std::span<const int> tokens) {
  const std::uint64_t hash = XXH3_64bits_withSeed(tokens.data(), tokens.size_bytes(), parent);
  return hash == 0 ? 1 : hash;
}

KvPool::PageId KvPool::find(std::uint64_t key, std::span<const int> tokens) {
  const auto found = by_key_.find(key);
  // The tokens are compared as well: a 64-bit collision must not serve another prompt's cache.
  if (found == by_key_.end() ||
      !std::ranges::equal(pages_[static_cast<std::size_t>(found->second)].tokens, tokens)) {
    return -1;
  }
  retain(found->second);
  return found->second;
}

void KvPool::publish(PageId id, std::uint64_t key, std::span<const int> tokens) {
  assert(static_cast<int>(tokens.size()) == page_tokens_);
  Page& page = pages_[static_cast<std::size_t>(id)];
  if (page.key != 0 || !by_key_.emplace(key, id).second) return;
  page.key = key;
  page.tokens.assign(tokens.begin(), tokens.end());
}

void KvPool::unpublish(PageId id) {
  Page& page = pages_[static_cast<std::size_t>(id)];
  by_key_.erase(page.key);
  page.key = 0;
  page.tokens.clear();
}

void KvPool::clear_cache() {
  for (const PageId id : cached_) {
    unpublish(id);
    free_.push_back(id);
  }
  cached_.clear();
  for (std::size_t id = 0; id < pages_.size(); ++id) {
    if (pages_[id].key != 0)
      unpublish(static_cast<PageId>(id));  // still owned: freed by the last release
  }
}

std::byte* KvPool::layer(PageId page, int layer) const {
  return pages_[static_cast<std::size_t>(page)].memory +
         static_cast<std::size_t>(layer) * layer_bytes_;
}

std::vector<std::byte*> KvPool::open_window() {
  if (window_layer_bytes_ == 0) return {};
  if (free_windows_.empty()) {
    windows_.emplace_back(window_layer_bytes_ * static_cast<std::size_t>(n_layers_));
    window_bytes_ += windows_.back().size();
    free_windows_.push_back(windows_.back().data());
  }
  std::vector<std::byte*> layers(static_cast<std::size_t>(n_layers_));
  for (std::size_t layer = 0; layer < layers.size(); ++layer)
    layers[layer] = free_windows_.back() + layer * window_layer_bytes_;
  free_windows_.pop_back();
  return layers;
}

void KvPool::close_window(std::span<std::byte* const> layers) {
  if (!layers.empty()) free_windows_.push_back(layers.front());
}

}  // namespace paretune
