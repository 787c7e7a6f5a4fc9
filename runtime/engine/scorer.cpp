#include "runtime/engine/scorer.h"

#include <algorithm>
#include <cassert>
#include <ranges>

#include "runtime/engine/kv_pool.h"
#include "runtime/engine/model.h"

namespace paretune {

struct Scorer::State {
  const Model& model;
  DeployConfig config;
  ThreadPool& pool;
  KvPool kv;
  Workspace workspace;
  std::vector<std::vector<std::byte*>> layer_pages;  // [layer][page], reused by every text
  std::vector<std::byte*> layer_windows = kv.open_window();
  std::vector<int> cached;  // the tokens whose keys and values the pages hold
};

Scorer::Scorer(const Model& model, const DeployConfig& config, ThreadPool& pool)
    : state_(new State{model,
                       config,
                       pool,
                       KvPool(model.shape(), *config.kv_cache, config.kv_page_tokens,
                              model.shape().max_seq_len + config.kv_page_tokens),
                       {},
                       {}}) {
  state_->layer_pages.resize(static_cast<std::size_t>(model.shape().n_layers));
}
Scorer::~Scorer() = default;

void Scorer::score(std::span<const int> tokens, int first,
                   const std::function<void(int, std::span<const float>)>& visit) {
  State& s = *state_;
  const int n = static_cast<int>(tokens.size());
  assert(n <= s.model.shape().max_seq_len);
  while (static_cast<int>(s.layer_pages[0].size()) < s.kv.pages_for(n)) {
    const KvPool::PageId page = s.kv.allocate();
    for (std::size_t layer = 0; layer < s.layer_pages.size(); ++layer) {
      s.layer_pages[layer].push_back(s.kv.layer(page, static_cast<int>(layer)));
    }
  }
  const auto vocab = static_cast<std::size_t>(s.model.shape().vocab_size);
  const auto shared = std::ranges::mismatch(s.cached, tokens).in2 - tokens.begin();
  const int begin = s.config.kv_cache->window > 0
                        ? 0
                        : std::clamp(static_cast<int>(shared), 0, std::max(first, 0));
  s.cached.clear();  // until all is run: it may throw
  for (int past = begin; past < n;) {
    const int count = std::min(s.config.prefill_chunk, n - past);
    const Segment segment{
        .tokens = tokens.subspan(static_cast<std::size_t>(past), static_cast<std::size_t>(count)),
        .past = past,
        .logits_from = std::clamp(first - past, 0, count),
        .layer_pages = s.layer_pages,
        .layer_windows = s.layer_windows};
    std::span<const float> logits =
        s.model.forward(std::span(&segment, 1), Phase::prefill, s.pool, s.workspace);
    for (int i = segment.logits_from; i < count; ++i) {
      visit(past + i, logits.first(vocab));
      logits = logits.subspan(vocab);
    }
    past += count;
  }
  s.cached.assign(tokens.begin(), tokens.end());
}

}  // namespace paretune
