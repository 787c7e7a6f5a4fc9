#include "runtime/engine/kv_pool.h"

#include <gtest/gtest.h>

#include <set>

namespace paretune {
namespace {

KvPool pool(int capacity_tokens) {
  const ModelShape shape{.n_layers = 2, .n_kv_heads = 1, .head_dim = 8};
  return KvPool(shape, kKvF32, 4, capacity_tokens);
}

const std::vector<int> kFirst{1, 2, 3, 4}, kSecond{5, 6, 7, 8};

TEST(KvPoolTest, HandsOutEveryPageOnce) {
  KvPool p = pool(17);  // the last token fills no page
  EXPECT_EQ(p.pages(), 4);
  EXPECT_EQ(p.pages_for(1), 1);
  EXPECT_EQ(p.pages_for(5), 2);
  std::set<int> pages;
  std::set<std::byte*> layers;
  while (p.available() > 0) {
    const int page = p.allocate();
    pages.insert(page);
    layers.insert(p.layer(page, 0));
    layers.insert(p.layer(page, 1));
  }
  EXPECT_EQ(pages.size(), 4u);
  EXPECT_EQ(layers.size(), 8u);
  for (const int page : pages) p.release(page);
  EXPECT_EQ(p.available(), 4);
}

TEST(KvPoolTest, NeedsNoMemoryWhereNoLayerIsCached) {
  KvPool p(ModelShape{.n_layers = 0, .n_kv_heads = 1, .head_dim = 8}, kKvF32, 4, 16);
  EXPECT_EQ(p.pages(), 4);
  p.release(p.allocate());
  EXPECT_EQ(p.allocated_bytes(), 0u);
}

TEST(KvPoolTest, PublishedPagesAreFoundByTheirWholeChain) {
  KvPool p = pool(16);
  const std::uint64_t first = KvPool::key(0, kFirst), second = KvPool::key(first, kSecond);
  EXPECT_NE(second, KvPool::key(0, kSecond));
  const int page = p.allocate();
  p.publish(page, first, kFirst);
  EXPECT_EQ(p.find(first, kFirst), page);  // a second owner
  EXPECT_EQ(p.find(first, kSecond), -1);   // the key alone is not believed
  EXPECT_EQ(p.find(second, kSecond), -1);
  p.release(page);
  p.release(page);
  EXPECT_EQ(p.available(), 4);
  EXPECT_EQ(p.find(first, kFirst), page);  // still cached
  EXPECT_EQ(p.available(), 3);
  p.release(page);
  p.clear_cache();
  EXPECT_EQ(p.find(first, kFirst), -1);
  EXPECT_EQ(p.available(), 4);
}

TEST(KvPoolTest, EvictsTheLeastRecentlyUsedAndNeverAnOwnedPage) {
  KvPool p = pool(8);
  const int a = p.allocate(), b = p.allocate();
  p.publish(a, 11, kFirst);
  p.publish(b, 22, kSecond);
  p.release(a);
  p.release(b);
  EXPECT_EQ(p.find(11, kFirst), a);  // now b is the older one
  const int c = p.allocate();
  EXPECT_EQ(c, b);
  EXPECT_EQ(p.find(22, kSecond), -1);
  EXPECT_EQ(p.available(), 0);
  p.release(a);
  EXPECT_EQ(p.find(11, kFirst), a);
}

TEST(KvPoolTest, WindowsAreOfTheirOwnerAloneAndUsedAgain) {
  const ModelShape shape{.n_layers = 2, .n_kv_heads = 1, .head_dim = 32};
  KvPool p(shape, kKvInt4Channel, 64, 128);
  const std::vector<std::byte*> a = p.open_window(), b = p.open_window();
  ASSERT_EQ(a.size(), 2u);
  const std::ptrdiff_t layer = 2 * 64 * 32 * 2;  // keys and values of 64 tokens in bf16
  EXPECT_EQ(a[1] - a[0], layer);
  EXPECT_GE(std::abs(b[0] - a[0]), 2 * layer);
  EXPECT_EQ(p.allocated_bytes(), static_cast<std::size_t>(4 * layer));
  p.close_window(a);
  EXPECT_EQ(p.open_window(), a);
  EXPECT_EQ(p.allocated_bytes(), static_cast<std::size_t>(4 * layer));
  EXPECT_EQ(p.available(), 2);
  p.allocate(), p.allocate();
  EXPECT_EQ(p.allocated_bytes(), p.capacity_bytes());
  EXPECT_TRUE(pool(16).open_window().empty());
}

TEST(KvPoolTest, ClearingKeepsOwnedPages) {
  KvPool p = pool(8);
  const int a = p.allocate();
  p.publish(a, 11, kFirst);
  p.clear_cache();
  EXPECT_EQ(p.find(11, kFirst), -1);
  EXPECT_EQ(p.available(), 1);
  p.release(a);
  EXPECT_EQ(p.available(), 2);
}

}  // namespace
}  // namespace paretune
