#include "runtime/engine/scorer.h"

#include <algorithm>
#include <cassert>
#include <ranges>

#include "runtime/engine/kv_pool.h"
#include "runtime/engine/model.h"

namespace paretune {
namespace {

using LayerPages = std::vector<std::vector<std::byte*>>;  // [layer][page]

// Pages for so many tokens, with those that are there already.
void hold(KvPool& kv, int tokens, LayerPages& layer_pages) {
  while (static_cast<int>(layer_pages[0].size()) < kv.pages_for(tokens)) {
    const KvPool::PageId page = kv.allocate();
    for (std::size_t layer = 0; layer < layer_pages.size(); ++layer)
      layer_pages[layer].push_back(kv.layer(page, static_cast<int>(layer)));
  }
}

}  // namespace

struct Scorer::State {
  const Model& model;
  DeployConfig config;
  ThreadPool& pool;
  KvPool kv;
  Workspace workspace;
  LayerPages layer_pages;  // reused by every text
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
  hold(s.kv, n, s.layer_pages);
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

void Scorer::decode(std::span<const std::span<const int>> texts, int decoded,
                    const std::function<void(int, int, std::span<const float>)>& visit) {
  State& s = *state_;
  const ModelShape& shape = s.model.shape();
  int pages = 0;
  for (const std::span<const int> text : texts)
    pages += s.kv.pages_for(static_cast<int>(text.size()));
  if (pages == 0) return;
  KvPool kv(shape, *s.config.kv_cache, s.config.kv_page_tokens, pages * s.config.kv_page_tokens);
  std::vector<LayerPages> layer_pages(texts.size(),
                                      LayerPages(static_cast<std::size_t>(shape.n_layers)));
  std::vector<std::vector<std::byte*>> windows;
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    assert(static_cast<int>(texts[i].size()) > decoded);
    hold(kv, static_cast<int>(texts[i].size()), layer_pages[i]);
    windows.push_back(kv.open_window());
  }
  const auto segment = [&](std::size_t i, int past, int count, int logits_from) {
    return Segment{
        .tokens = texts[i].subspan(static_cast<std::size_t>(past), static_cast<std::size_t>(count)),
        .past = past,
        .logits_from = logits_from,
        .layer_pages = layer_pages[i],
        .layer_windows = windows[i]};
  };
  const auto prompt = [&](std::size_t i) { return static_cast<int>(texts[i].size()) - decoded; };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (int past = 0; past < prompt(i); past += s.config.prefill_chunk) {
      const int count = std::min(s.config.prefill_chunk, prompt(i) - past);
      const Segment chunk = segment(i, past, count, count);
      s.model.forward(std::span(&chunk, 1), Phase::prefill, s.pool, s.workspace);
    }
  }
  const auto vocab = static_cast<std::size_t>(shape.vocab_size);
  for (int step = 0; step < decoded; ++step) {
    segments.clear();
    for (std::size_t i = 0; i < texts.size(); ++i)
      segments.push_back(segment(i, prompt(i) + step, 1, 0));
    const std::span<const float> logits =
        s.model.forward(segments, Phase::decode, s.pool, s.workspace);
    for (std::size_t i = 0; i < texts.size(); ++i)
      visit(static_cast<int>(i), prompt(i) + step, logits.subspan(i * vocab, vocab));
  }
}

}  // namespace paretune
