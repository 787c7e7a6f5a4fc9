#include "kernels/kv_pages.h"

#include <algorithm>
#include <vector>

namespace paretune {

std::byte* KvPages::key(int token, int kv_head) const {
  const std::size_t vector = std::size_t(kv_head) * page_tokens + token % page_tokens;
  return pages[token / page_tokens] + vector * format->vector_bytes(head_dim);
}

std::byte* KvPages::value(int token, int kv_head) const {
  return key(token, kv_head) +
         std::size_t(n_kv_heads) * page_tokens * format->vector_bytes(head_dim);
}

std::byte* KvPages::recent_key(int token, int kv_head) const {
  const std::size_t vector = std::size_t(kv_head) * recent_tokens + token % recent_tokens;
  return recent + vector * kKvBf16.vector_bytes(head_dim);
}

std::byte* KvPages::recent_value(int token, int kv_head) const {
  return recent_key(token, kv_head) +
         std::size_t(n_kv_heads) * recent_tokens * kKvBf16.vector_bytes(head_dim);
}

int KvPages::exact_from(int reader) const {
  return format->window ? reader / format->window * format->window : 0;
}

int KvPages::together(int position, int n) const {
  return format->window ? std::min(n, format->window - position % format->window) : n;
}

void KvPages::store(int token, int kv_head, std::span<const float> k,
                    std::span<const float> v) const {
  if (format->window) {
    kKvBf16.store(k, recent_key(token, kv_head));
    kKvBf16.store(v, recent_value(token, kv_head));
  } else {
    format->store(k, key(token, kv_head));
    format->store(v, value(token, kv_head));
  }
}

void KvPages::settle(int first_token, int kv_head) const {
  const auto dim = std::size_t(head_dim);
  std::vector<float> keys(kKvGroup * dim), one(dim);
  for (int t = 0; t < kKvGroup; ++t) {
    kKvBf16.load(recent_key(first_token + t, kv_head), std::span(keys).subspan(t * dim, dim));
    kKvBf16.load(recent_value(first_token + t, kv_head), one);
    format->store(one, value(first_token + t, kv_head));
  }
  format->store_keys(keys, head_dim, key(first_token, kv_head));
}

void KvPages::load_key(int token, int kv_head, int reader, std::span<float> k) const {
  if (!format->window) {
    format->load(key(token, kv_head), k);
  } else if (token >= exact_from(reader)) {
    kKvBf16.load(recent_key(token, kv_head), k);
  } else {
    const int index = token % kKvGroup;
    format->load_key(key(token - index, kv_head), index, k);
  }
}

void KvPages::load_value(int token, int kv_head, int reader, std::span<float> v) const {
  if (format->window && token >= exact_from(reader)) {
    kKvBf16.load(recent_value(token, kv_head), v);
  } else {
    format->load(value(token, kv_head), v);
  }
}

std::size_t kv_page_bytes(const KvFormat& format, int page_tokens, int n_kv_heads, int head_dim) {
  return 2 * std::size_t(page_tokens) * n_kv_heads * format.vector_bytes(head_dim);
}

std::size_t kv_recent_bytes(const KvFormat& format, int recent_tokens, int n_kv_heads,
                            int head_dim) {
  return format.window ? kv_page_bytes(kKvBf16, recent_tokens, n_kv_heads, head_dim) : 0;
}

}  // namespace paretune
