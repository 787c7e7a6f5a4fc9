#include "runtime/engine/pack_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "bench/synthetic_model.h"
#include "runtime/engine/loaded_model.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class PackCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("paretune-packs-" + std::to_string(getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path file_of(const std::string& key) const { return folder_ / (key + ".pack"); }
  int files() const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder_)) count += entry.is_regular_file();
    return count;
  }

  fs::path folder_;
};

std::vector<std::byte> payload(std::size_t bytes, int first) {
  std::vector<std::byte> all(bytes);
  for (std::size_t i = 0; i < bytes; ++i) all[i] = static_cast<std::byte>(first + i * 7);
  return all;
}

bool holds(PackCache& cache, const std::string& key, const std::vector<std::byte>& expected) {
  const auto found = cache.find(key, expected.size());
  return found && std::ranges::equal(found->bytes, expected);
}

TEST_F(PackCacheTest, FindsWhatItKept) {
  PackCache cache(folder_, 1 << 20);
  const std::string key = PackCache::key({"a", "b"});
  EXPECT_EQ(key.size(), 32u);
  EXPECT_NE(key, PackCache::key({"ab"}));
  EXPECT_FALSE(cache.find(key, 1000));
  const auto kept = cache.keep(key, payload(1000, 1));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(std::ranges::equal(kept->bytes, payload(1000, 1)));
  EXPECT_FALSE(cache.keep(PackCache::key({"large"}), payload((1 << 20) + 1, 1)));
  EXPECT_TRUE(holds(cache, key, payload(1000, 1)));
  EXPECT_EQ(cache.damaged(), 0);
  EXPECT_EQ(files(), 1);  // nothing temporary stays
  cache.keep(key, payload(1000, 2));
  EXPECT_TRUE(holds(cache, key, payload(1000, 2)));
}

TEST_F(PackCacheTest, WhatIsDamagedIsMissing) {
  PackCache cache(folder_, 1 << 20);
  const std::string key = PackCache::key({"k"}), other = PackCache::key({"o"});
  const auto good = payload(5000, 3);
  const auto flip = [&](std::streamoff at) {
    std::fstream file(file_of(key), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(at);
    file.put(byte);
  };
  int damaged = 0;
  for (const std::streamoff at :
       {0, 8, 16, 30, 4096, 9000}) {  // magic, size, checksum, key, payload
    cache.keep(key, good);
    flip(at);
    EXPECT_FALSE(cache.find(key, good.size())) << at;
    EXPECT_EQ(cache.damaged(), ++damaged) << at;
  }
  for (const int size : {0, 1, 4095, 4096, 9095}) {
    cache.keep(key, good);
    fs::resize_file(file_of(key), static_cast<std::uintmax_t>(size));
    EXPECT_FALSE(cache.find(key, good.size())) << size;
  }
  cache.keep(other, good);
  fs::rename(file_of(other), file_of(key));
  EXPECT_FALSE(cache.find(key, good.size()));
  cache.keep(key, good);
  EXPECT_FALSE(cache.find(key, good.size() - 1));
  EXPECT_FALSE(cache.has(key));  // what nobody can use makes room
  cache.keep(key, good);
  EXPECT_TRUE(holds(cache, key, good));
}

TEST_F(PackCacheTest, TheLeastRecentlyUsedGoFirst) {
  PackCache cache(folder_, 3 * (4096 + 1000) + 500);
  std::vector<std::string> keys;
  for (int i = 0; i < 3; ++i) {
    keys.push_back(PackCache::key({std::to_string(i)}));
    cache.keep(keys.back(), payload(1000, i));
    fs::last_write_time(file_of(keys.back()),
                        fs::file_time_type::clock::now() - std::chrono::hours(10 - i));
  }
  EXPECT_TRUE(holds(cache, keys[0], payload(1000, 0)));  // used: the newest now
  cache.keep(PackCache::key({"new"}), payload(1000, 9));
  EXPECT_TRUE(cache.find(keys[0], 1000));
  EXPECT_FALSE(cache.find(keys[1], 1000));
  EXPECT_TRUE(cache.find(keys[2], 1000));
}

TEST_F(PackCacheTest, AFolderThatCannotBeWrittenIsNoCache) {
  std::ofstream(folder_) << "a file where the folder should be";
  PackCache cache(folder_, 1 << 20);
  cache.keep(PackCache::key({"k"}), payload(100, 0));
  EXPECT_FALSE(cache.find(PackCache::key({"k"}), 100));
}

TEST_F(PackCacheTest, WritersMayRace) {
  const std::string key = PackCache::key({"k"});
  const auto good = payload(100000, 5);
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      PackCache cache(folder_, 1 << 20);
      for (int j = 0; j < 20; ++j) {
        cache.keep(key, good);
        const auto found = cache.find(key, good.size());
        EXPECT_TRUE(!found || std::ranges::equal(found->bytes, good));
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  PackCache cache(folder_, 1 << 20);
  EXPECT_TRUE(holds(cache, key, good));
}

// A model large enough to be kept.
TEST_F(PackCacheTest, AModelFromTheCacheIsTheSameModel) {
  fs::create_directories(folder_);
  const SyntheticShape shape{"test", "", "llama", 1, 512, 4096, 8, 4, 64, 300, 256};
  const fs::path file = folder_ / "m.gguf";
  write_synthetic_model(shape, find_synthetic_type("f16"), file);
  const auto logits = [&](PackCache* packs) {
    std::unique_ptr<ModelSource> source = open_model(file);
    DeployConfig config = default_config({this_machine(), source->shape()});
    config.weights = parse_policy("mlp=int8", "test");
    config.activations.name = "int8";
    const LoadedModel model = load_model(std::move(source), config, {}, packs);
    const std::unique_ptr<Engine> engine = model.engine(config);
    engine->submit(
        {.id = 0, .prompt = {5, 6, 7, 8}, .sampling = {.max_tokens = 6, .ignore_eos = true}});
    std::vector<float> all;
    while (!engine->idle()) {
      for (const TokenEvent& event : engine->step()) {
        all.push_back(static_cast<float>(event.token));
        all.push_back(event.logprob);
      }
    }
    return all;
  };
  const auto expected = logits(nullptr);
  PackCache first(folder_ / "packs", 1 << 30), second(folder_ / "packs", 1 << 30);
  EXPECT_EQ(logits(&first), expected);
  EXPECT_EQ(first.found(), 0);
  EXPECT_EQ(logits(&second), expected);
  EXPECT_GT(second.found(), 0);

  // Another content behind the same name is another model.
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(-100, std::ios::end)
      .put('x');
  PackCache third(folder_ / "packs", 1 << 30);
  logits(&third);
  EXPECT_EQ(third.found(), 0);
}

}  // namespace
}  // namespace paretune
