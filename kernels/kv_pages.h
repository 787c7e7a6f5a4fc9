// One layer's cache of one sequence, in pages.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/kv_format.h"

namespace paretune {

// Token t of KV head h lies in page t / page_tokens; a page holds its keys, then its values, each
// as (n_kv_heads, page_tokens) vectors of format->vector_bytes(head_dim) bytes.
//
// Where the format has a window W, page_tokens is a multiple of it. Tokens from i * W to (i + 1) *
// W are then exact to each other and quantized to all later ones: what a token reads depends on its
// position alone, not on how a prompt was cut, who else ran, or whose prefix was shared. A new
// token is stored in `recent`; once its window is full, settle puts it into its page, before later
// windows are attended.
struct KvPages {
  const KvFormat* format = nullptr;
  std::span<std::byte* const> pages;
  int page_tokens = 0;
  int n_kv_heads = 0;
  int head_dim = 0;
  // Of formats with a window: bf16 keys, then values, each (n_kv_heads, recent_tokens, head_dim);
  // token t is number t % recent_tokens. recent_tokens is a multiple of the window and holds all
  // from the window of the first token that a step attends to its last.
  std::byte* recent = nullptr;
  int recent_tokens = 0;

  // In pages; of a format with a window, the key of a token that begins a group is all the group's.
  std::byte* key(int token, int kv_head) const;
  std::byte* value(int token, int kv_head) const;
  std::byte* recent_key(int token, int kv_head) const;
  std::byte* recent_value(int token, int kv_head) const;

  // Tokens from here on are exact to one at position `reader`.
  int exact_from(int reader) const;
  // How many of n tokens from `position` on read alike.
  int together(int position, int n) const;

  void store(int token, int kv_head, std::span<const float> key,
             std::span<const float> value) const;
  // Stores the group of kKvGroup tokens that begins here, which are in `recent`, in its page.
  void settle(int first_token, int kv_head) const;
  // As the token at position `reader` sees them.
  void load_key(int token, int kv_head, int reader, std::span<float> key) const;
  void load_value(int token, int kv_head, int reader, std::span<float> value) const;
};
std::size_t kv_page_bytes(const KvFormat& format, int page_tokens, int n_kv_heads, int head_dim);
// 0 for formats without a window.
std::size_t kv_recent_bytes(const KvFormat& format, int recent_tokens, int n_kv_heads,
                            int head_dim);

}  // namespace paretune
