// Every attention variant that this CPU runs against float64 over the stored keys and values.
#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

struct Case {
  int n_heads, n_kv_heads, head_dim, page_tokens, past, n_tokens;
};

constexpr Case kCases[] = {
    {1, 1, 64, 16, 0, 1},   {4, 2, 64, 16, 0, 5},     {8, 2, 80, 16, 63, 1},
    {8, 1, 96, 32, 64, 3},  {6, 2, 128, 16, 130, 9},  {3, 3, 8, 4, 5, 7},
    {10, 2, 12, 8, 17, 20}, {2, 1, 5, 16, 40, 2},     {16, 1, 16, 64, 190, 4},
    {40, 2, 24, 16, 70, 2}, {4, 4, 256, 16, 200, 20}, {4, 2, 32, 64, 100, 200},
    {2, 1, 64, 64, 255, 2},
};

// One sequence's cache of random keys and values, in pages that do not follow each other in memory,
// as the n_tokens find it that follow `past` ones.
class Cache {
 public:
  Cache(const KvFormat& format, const Case& c, std::uint64_t seed) : tokens_(c.past + c.n_tokens) {
    const int window = std::max(1, format.window);
    const int page_tokens = (c.page_tokens + window - 1) / window * window;
    const int n_pages = (tokens_ + page_tokens - 1) / page_tokens;
    for (int p = 0; p < n_pages; ++p) {
      storage_.emplace_back(kv_page_bytes(format, page_tokens, c.n_kv_heads, c.head_dim));
    }
    const int recent_tokens = (c.past % window + c.n_tokens + window - 1) / window * window;
    storage_.emplace_back(kv_recent_bytes(format, recent_tokens, c.n_kv_heads, c.head_dim));
    for (int p = n_pages; p-- > 0;) pages_.push_back(storage_[std::size_t(p)].data());
    kv_ = {&format,      pages_, page_tokens, c.n_kv_heads, c.head_dim, storage_.back().data(),
           recent_tokens};
    for (int i = 0; i < tokens_ * c.n_kv_heads; ++i) {
      keys_.push_back(random_floats(c.head_dim, seed + 2 * i));
      values_.push_back(random_floats(c.head_dim, seed + 2 * i + 1));
    }
    fill();
  }

  std::vector<float>& key(int token, int head) { return keys_[token * kv_.n_kv_heads + head]; }
  std::vector<float>& value(int token, int head) { return values_[token * kv_.n_kv_heads + head]; }
  // Stores what key and value are.
  void fill() {
    for (int h = 0; h < kv_.n_kv_heads; ++h) {
      for (int t = 0; t < tokens_; ++t) {
        kv_.store(t, h, key(t, h), value(t, h));
        const int next = t + 1;
        if (kv_.format->window == 0 || next % kv_.format->window != 0) continue;
        for (int g = next - kv_.format->window; g < next; g += kKvGroup) kv_.settle(g, h);
      }
    }
  }

  const KvPages& kv() const { return kv_; }
  bool intact() const {
    return std::ranges::all_of(storage_, [](const GuardedBytes& page) { return page.intact(); });
  }

 private:
  int tokens_;
  std::vector<GuardedBytes> storage_;
  std::vector<std::byte*> pages_;
  std::vector<std::vector<float>> keys_, values_;  // [token][head]
  KvPages kv_;
};

std::string name_of(const AttentionVariant& v) {
  return std::string(v.name) + " " + std::string(v.format->name);
}

std::vector<const AttentionVariant*> runnable() {
  std::vector<const AttentionVariant*> rows;
  for (const AttentionVariant& v : attention_variants()) {
    if (cpu_has(v.needs)) {
      rows.push_back(&v);
    } else {
      std::printf("skipped: %s needs %s\n", name_of(v).c_str(),
                  std::string(isa_name(v.needs)).c_str());
    }
  }
  return rows;
}

// All heads, tokens [begin, end) at a time.
std::vector<float> attend(const AttentionVariant& v, const Case& c, const KvPages& kv,
                          std::span<const float> q, float scale, int at_once) {
  std::vector<float> out(q.size(), NAN);
  GuardedBytes scratch(4 *
                       v.scratch_floats(c.past + c.n_tokens, c.n_heads, c.n_kv_heads, c.head_dim));
  const std::span<float> floats(reinterpret_cast<float*>(scratch.data()), scratch.size() / 4);
  for (int h = 0; h < c.n_kv_heads; ++h) {
    for (int t = 0; t < c.n_tokens; t += at_once) {
      v.run(q.data(), c.n_heads, kv, c.past, h, t, std::min(t + at_once, c.n_tokens), scale, floats,
            out.data());
    }
  }
  EXPECT_TRUE(scratch.intact()) << name_of(v);
  return out;
}

// Where attention is in integers: each to the nearest of so many steps up to the largest.
void round_to(std::span<double> x, double steps) {
  double largest = 0;
  for (const double v : x) largest = std::max(largest, std::fabs(v));
  for (double& v : x) v = std::nearbyint(v * (steps / largest)) * (largest / steps);
}

// step: becomes what one code more of a weight may change in the result, in integers.
std::vector<double> expected(const Case& c, const KvPages& kv, std::span<const float> q,
                             float scale, double& step) {
  std::vector<double> out(q.size());
  step = 0;
  std::vector<float> vector(c.head_dim);
  for (int t = 0; t < c.n_tokens; ++t) {
    for (int h = 0; h < c.n_heads; ++h) {
      const int kv_head = h / (c.n_heads / c.n_kv_heads), context = c.past + t + 1;
      const std::size_t at = (std::size_t(t) * c.n_heads + h) * c.head_dim;
      std::vector<double> weights(context), query(c.head_dim);
      for (int d = 0; d < c.head_dim; ++d) query[d] = q[at + d] * scale;
      if (kv.format->a8) round_to(query, 127);
      double largest = -INFINITY, total = 0;
      for (int i = 0; i < context; ++i) {
        kv.load_key(i, kv_head, c.past + t, vector);
        double score = 0;
        for (int d = 0; d < c.head_dim; ++d) score += query[d] * vector[d];
        weights[i] = score;
        largest = std::max(largest, weights[i]);
      }
      for (double& w : weights) total += w = std::exp(w - largest);
      if (kv.format->a8) {
        const auto value_scale = [&](int i) {
          return *reinterpret_cast<const float*>(kv.value(i, kv_head));
        };
        for (int i = 0; i < context; ++i) weights[i] *= value_scale(i);
        for (int i = 0; i < context; i += 64)
          round_to(std::span(weights).subspan(i, std::min(64, context - i)), 255);
        for (int i = 0; i < context; ++i) weights[i] /= value_scale(i);
        step = std::max(step, 1 / total / 255);
      }
      for (int i = 0; i < context; ++i) {
        kv.load_value(i, kv_head, c.past + t, vector);
        for (int d = 0; d < c.head_dim; ++d) out[at + d] += weights[i] / total * vector[d];
      }
    }
  }
  return out;
}

TEST(Attention, EveryVariantAgreesWithFloat64) {
  for (const AttentionVariant* v : runnable()) {
    for (const Case& c : kCases) {
      const Cache cache(*v->format, c, 10);
      const auto q = random_floats(std::size_t(c.n_tokens) * c.n_heads * c.head_dim, 11);
      const float scale = 1 / std::sqrt(float(c.head_dim));
      const std::vector<float> out = attend(*v, c, cache.kv(), q, scale, c.n_tokens);
      double step = 0;
      const std::vector<double> right = expected(c, cache.kv(), q, scale, step);
      EXPECT_TRUE(cache.intact());
      // |q·k| * scale ≤ sqrt(head_dim) and |value| ≤ 1. Scores err by (head_dim + 2) roundings of
      // that, a weight by twice as much of itself, and the sum over the context by as many
      // roundings as it has terms. In integers, a weight half way between two codes may get either.
      const double epsilon = 0x1p-24;
      const double tolerance = 2 * (c.head_dim + 4) * epsilon * std::sqrt(c.head_dim) +
                               (c.past + c.n_tokens + 16) * epsilon + 2 * step;
      for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(out[i], right[i], tolerance)
            << name_of(*v) << " heads " << c.n_heads << "/" << c.n_kv_heads << " dim " << c.head_dim
            << " past " << c.past << " tokens " << c.n_tokens << " at " << i;
      }
    }
  }
}

// Key i is the unit vector i, the query 1e4 times one of them: softmax chooses that position, whose
// value comes back.
TEST(Attention, ALargeQueryPicksOnePosition) {
  for (const AttentionVariant* v : runnable()) {
    const Case c{1, 1, 96, 16, 95, 1};
    Cache cache(*v->format, c, 20);
    for (int t = 0; t < 96; ++t) {
      cache.key(t, 0).assign(96, 0.0f);
      cache.key(t, 0)[t] = 1;
    }
    cache.fill();
    for (int chosen : {0, 1, 63, 64, 95}) {
      std::vector<float> q(96), value(96);
      q[chosen] = 1e4f;
      cache.kv().load_value(chosen, 0, 95, value);
      const std::vector<float> out = attend(*v, c, cache.kv(), q, 1, 1);
      for (std::size_t d = 0; d < 96; ++d) {
        ASSERT_NEAR(out[d], value[d], v->format->a8 ? 2e-7 : 0)
            << name_of(*v) << " position " << chosen;
      }
    }
  }
}

TEST(Attention, ATokenDoesNotSeeThoseAfterIt) {
  for (const AttentionVariant* v : runnable()) {
    const Case c{4, 2, 64, 16, 30, 40};
    Cache cache(*v->format, c, 30), changed(*v->format, c, 30);
    for (int h = 0; h < 2; ++h) {
      changed.key(69, h).assign(64, 9.0f);
      changed.value(69, h).assign(64, 9.0f);
    }
    changed.fill();
    const auto q = random_floats(40 * 4 * 64, 31);
    const std::vector<float> a = attend(*v, c, cache.kv(), q, 0.125f, 40);
    const std::vector<float> b = attend(*v, c, changed.kv(), q, 0.125f, 40);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), 39 * 4 * 64 * sizeof(float)), 0) << name_of(*v);
    EXPECT_NE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0) << name_of(*v);
  }
}

TEST(Attention, SplittingTokensChangesNothing) {
  for (const AttentionVariant* v : runnable()) {
    const Case c{6, 2, 64, 16, 50, 37};
    const Cache cache(*v->format, c, 40);
    const auto q = random_floats(37 * 6 * 64, 41);
    const std::vector<float> whole = attend(*v, c, cache.kv(), q, 0.125f, 37);
    for (int at_once : {1, 2, 5, 16}) {
      EXPECT_EQ(attend(*v, c, cache.kv(), q, 0.125f, at_once), whole)
          << name_of(*v) << " by " << at_once;
    }
  }
}

// Several threads may share a token's keys, and nobody sees it.
TEST(Attention, SpansMergeToWhatOneRunGives) {
  int offered = 0;
  for (const AttentionVariant* v : runnable()) {
    if (!v->run_span) continue;
    ++offered;
    for (const int context : {1, 255, 256, 257, 1000}) {
      const Case c{6, 2, 80, 16, context - 1, 1};
      const Cache cache(*v->format, c, 60);
      const auto q = random_floats(6 * 80, 61);
      const std::vector<float> whole = attend(*v, c, cache.kv(), q, 0.125f, 1);
      const std::size_t floats = span_floats(6, 2, 80);
      std::vector<float> scratch(v->scratch_floats(context, 6, 2, 80)), merged(whole.size());
      std::vector<float> partials(floats * std::size_t(span_count(context)));
      for (int head = 0; head < 2; ++head) {
        for (int span = span_count(context); span-- > 0;) {  // in any order
          v->run_span(q.data(), 6, cache.kv(), context - 1, head, span, 0.125f, scratch,
                      partials.data() + std::size_t(span) * floats);
        }
        merge_spans(partials.data(), span_count(context), 6, cache.kv(), head, merged.data());
      }
      EXPECT_EQ(merged, whole) << name_of(*v) << " " << context;
    }
  }
  EXPECT_TRUE(offered > 0 || !cpu_has(Isa::avx2));
}

TEST(Attention, TiledScratchDoesNotGrowWithTheContext) {
  for (const AttentionVariant& v : attention_variants()) {
    if (!v.name.starts_with("tiled") && !v.name.starts_with("split")) continue;
    EXPECT_EQ(v.scratch_floats(100, 8, 2, 64), v.scratch_floats(100000, 8, 2, 64));
  }
}

TEST(ResolveAttention, KeepsTheWalkAndRuns) {
  for (const KvFormat* f : kKvFormats) {
    for (const char* name : {"tiled_avx512", "plain_avx512", "split_avx512", "tiled_avx2",
                             "plain_avx2", "split_avx2", "scalar"}) {
      const AttentionVariant& v = resolve_attention(name, *f);
      EXPECT_EQ(v.format, f);
      EXPECT_TRUE(cpu_has(v.needs));
      EXPECT_TRUE(v.name == "scalar" || v.name[0] == name[0]) << name << " became " << v.name;
    }
  }
  EXPECT_EQ(resolve_attention("scalar", kKvInt8).name, "scalar");
}

TEST(ResolveAttention, RefusesUnknownNames) {
  try {
    resolve_attention("flash", kKvF32);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("known: plain_avx512, tiled_avx512"), std::string::npos);
  }
}

}  // namespace
}  // namespace paretune
