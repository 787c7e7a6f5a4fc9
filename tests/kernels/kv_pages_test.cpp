#include "kernels/kv_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/narrow_float.h"
#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

TEST(KvPages, KeysThenValuesByHead) {
  alignas(64) std::byte pages[2][64];
  std::byte* const addresses[] = {pages[0], pages[1]};
  const KvPages kv{&kKvF32, addresses, 2, 2, 2};  // a vector is 8 bytes
  ASSERT_EQ(kv_page_bytes(kKvF32, 2, 2, 2), 64u);
  EXPECT_EQ(kv.key(0, 0), pages[0]);
  EXPECT_EQ(kv.key(1, 0), pages[0] + 8);
  EXPECT_EQ(kv.key(0, 1), pages[0] + 16);
  EXPECT_EQ(kv.value(0, 0), pages[0] + 32);
  EXPECT_EQ(kv.value(3, 1), pages[1] + 56);
}

// Room for four windows of one head, of which `recent` holds one.
struct Windows {
  explicit Windows(const KvFormat& format, int head_dim = 40)
      : page(kv_page_bytes(format, 4 * format.window, 1, head_dim)),
        recent(kv_recent_bytes(format, format.window, 1, head_dim)),
        pages{page.data()},
        kv{&format, pages, 4 * format.window, 1, head_dim, recent.data(), format.window} {
    for (int t = 0; t < 4 * format.window; ++t) {
      keys.push_back(random_floats(std::size_t(head_dim), std::uint64_t(2 * t)));
      values.push_back(random_floats(std::size_t(head_dim), std::uint64_t(2 * t + 1)));
    }
  }
  void store(int begin, int end) const {
    for (int t = begin; t < end; ++t) {
      kv.store(t, 0, keys[std::size_t(t)], values[std::size_t(t)]);
      if ((t + 1) % kv.format->window != 0) continue;
      for (int g = t + 1 - kv.format->window; g <= t; g += kKvGroup) kv.settle(g, 0);
    }
  }
  GuardedBytes page, recent;
  std::vector<std::byte*> pages;
  KvPages kv;
  std::vector<std::vector<float>> keys, values;
};

std::vector<const KvFormat*> formats_with_a_window() {
  std::vector<const KvFormat*> formats;
  for (const KvFormat* f : kKvFormats) {
    if (f->window > 0) formats.push_back(f);
  }
  return formats;
}

// Exact means rounded to bf16 and no more; what lies in earlier windows is quantized.
TEST(KvPages, ATokenSeesItsWindowExactlyAndTheOthersQuantized) {
  ASSERT_FALSE(formats_with_a_window().empty());
  for (const KvFormat* f : formats_with_a_window()) {
    const Windows w(*f);
    const int window = f->window, dim = w.kv.head_dim;
    std::vector<float> vector(static_cast<std::size_t>(dim));
    for (const int reader : {0, window - 1, window, window + 5, 2 * window - 1, 3 * window}) {
      w.store(0, reader + 1);
      EXPECT_EQ(w.kv.exact_from(reader), reader / window * window);
      int differ = 0;
      for (int t = 0; t <= reader; ++t) {
        for (const bool is_key : {true, false}) {
          is_key ? w.kv.load_key(t, 0, reader, vector) : w.kv.load_value(t, 0, reader, vector);
          const auto& right = (is_key ? w.keys : w.values)[std::size_t(t)];
          for (std::size_t d = 0; d < vector.size(); ++d) {
            const float exact = bf16_to_f32(f32_to_bf16(right[d]));
            if (t >= reader / window * window) {
              ASSERT_EQ(vector[d], exact) << f->name << " " << reader << " " << t;
            } else {
              differ += vector[d] != exact;
              ASSERT_NEAR(vector[d], exact, f == &kKvInt4Channel ? 0.07 : 0.34) << f->name;
            }
          }
        }
      }
      EXPECT_GE(differ, reader / window * window * dim) << f->name;  // of twice as many
    }
    EXPECT_TRUE(w.page.intact() && w.recent.intact());
  }
}

TEST(KvPages, TokensThatReadAlikeShareAWindow) {
  const KvPages windows{.format = &kKvInt4Channel}, none{.format = &kKvInt8};
  const int w = kKvInt4Channel.window;
  EXPECT_EQ(windows.together(0, 1000), w);
  EXPECT_EQ(windows.together(w - 1, 1000), 1);
  EXPECT_EQ(windows.together(w, 5), 5);
  EXPECT_EQ(none.together(w - 1, 1000), 1000);
  EXPECT_EQ(none.exact_from(1000), 0);
}

// What is written to a page depends on its tokens alone.
TEST(KvPages, SettlingIsDeterministicAndOnlyOnce) {
  for (const KvFormat* f : formats_with_a_window()) {
    const Windows a(*f), b(*f);
    std::fill_n(a.pages[0], a.page.size(), std::byte{0});
    std::fill_n(b.pages[0], b.page.size(), std::byte{0xff});
    a.store(0, f->window);
    b.store(0, f->window);
    const std::size_t keys = std::size_t(f->window) * f->vector_bytes(a.kv.head_dim);
    EXPECT_TRUE(std::equal(a.pages[0], a.pages[0] + keys, b.pages[0])) << f->name;
    EXPECT_TRUE(std::equal(a.kv.value(0, 0), a.kv.value(0, 0) + keys, b.kv.value(0, 0)));
    const std::vector<std::byte> before(a.pages[0], a.pages[0] + keys);
    a.store(f->window, 3 * f->window);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), a.pages[0])) << f->name;
  }
}

TEST(KvPages, BytesOfFormatsWithAWindow) {
  EXPECT_EQ(kv_page_bytes(kKvInt4Channel, 64, 2, 64), 64u * 2 * 2 * 40);  // 5 bits a number
  EXPECT_EQ(kv_page_bytes(kKvInt2Channel, 64, 2, 64), 64u * 2 * 2 * 24);  // 3
  EXPECT_EQ(kv_recent_bytes(kKvInt4Channel, 64, 2, 64), 64u * 2 * 2 * 128);
  EXPECT_EQ(kv_recent_bytes(kKvInt4, 64, 2, 64), 0u);
}

}  // namespace
}  // namespace paretune
