#include "runtime/engine/pack_cache.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "runtime/model/file_stats.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace paretune {
namespace {

namespace fs = std::filesystem;

constexpr char kMagic[] = "PTPACK1\n";
constexpr std::size_t kHeaderBytes = 4096, kKeyChars = 32;

struct Header {
  char magic[8];
  std::uint64_t bytes;
  std::uint64_t checksum;
  char key[kKeyChars];
};

std::string hex(XXH128_hash_t hash) {
  char text[kKeyChars + 1];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

// An empty file that no other writer has, in this process or another; "" where none can be made.
fs::path new_file_beside(const fs::path& path) {
  std::string name = path.string() + ".XXXXXX";
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0) return {};
  close(descriptor);
  return name;
}

}  // namespace

PackCache::PackCache(fs::path folder, std::uint64_t byte_limit)
    : folder_(std::move(folder)), byte_limit_(byte_limit) {
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
}

std::uint64_t PackCache::default_limit(const fs::path& folder) {
  std::error_code error;
  fs::path there = folder;
  while (!there.empty() && !fs::exists(there, error)) there = there.parent_path();
  const fs::space_info space = fs::space(there.empty() ? "." : there, error);
  constexpr std::uint64_t kMost = std::uint64_t(32) << 30;
  return error ? 0 : std::min<std::uint64_t>(kMost, space.available / 4);
}

std::string PackCache::key(std::initializer_list<std::string> parts) {
  std::string all;
  for (const std::string& part : parts) all += std::to_string(part.size()) + ':' + part;
  return hex(XXH3_128bits(all.data(), all.size()));
}

bool PackCache::has(const std::string& key) const {
  std::error_code error;
  return fs::exists(folder_ / (key + ".pack"), error);
}

std::optional<PackCache::Found> PackCache::find(const std::string& key, std::size_t bytes) {
  const fs::path path = folder_ / (key + ".pack");
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  try {
    auto file = std::make_shared<MappedFile>(path);
    const std::span<const std::byte> all = file->bytes();
    Header header;
    if (all.size() == kHeaderBytes + bytes) {
      std::memcpy(&header, all.data(), sizeof header);
      const std::span<const std::byte> payload = all.subspan(kHeaderBytes);
      file->populate();
      if (std::memcmp(header.magic, kMagic, sizeof header.magic) == 0 && header.bytes == bytes &&
          std::string_view(header.key, kKeyChars) == key &&
          header.checksum == XXH3_64bits(payload.data(), payload.size())) {
        fs::last_write_time(path, fs::file_time_type::clock::now(), error);  // used last
        ++found_;
        return Found{std::move(file), payload};
      }
    }
  } catch (const std::runtime_error&) {
    // Cannot be opened or mapped: packed again, as a damaged one.
  }
  fs::remove(path, error);
  ++damaged_;
  return std::nullopt;
}

std::optional<PackCache::Found> PackCache::keep(const std::string& key,
                                                std::span<const std::byte> bytes) {
  if (bytes.size() > byte_limit_) return std::nullopt;
  make_room(bytes.size());
  std::vector<char> head(kHeaderBytes);
  Header header{.bytes = bytes.size(), .checksum = XXH3_64bits(bytes.data(), bytes.size())};
  std::memcpy(header.magic, kMagic, sizeof header.magic);
  std::memcpy(header.key, key.data(), std::min(key.size(), kKeyChars));
  std::memcpy(head.data(), &header, sizeof header);

  const fs::path path = folder_ / (key + ".pack");
  const fs::path temporary = new_file_beside(path);
  if (temporary.empty()) return std::nullopt;
  std::ofstream out(temporary, std::ios::binary);
  out.write(head.data(), static_cast<std::streamsize>(head.size()));
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code error;
  if (out) fs::rename(temporary, path, error);
  if (!out || error) {
    fs::remove(temporary, error);
    return std::nullopt;
  }
  try {
    auto file = std::make_shared<MappedFile>(path);
    const std::span<const std::byte> all = file->bytes();
    if (all.size() == kHeaderBytes + bytes.size())
      return Found{std::move(file), all.subspan(kHeaderBytes)};
  } catch (const std::runtime_error&) {
    // Another process made room.
  }
  return std::nullopt;
}

void PackCache::make_room(std::uint64_t bytes) {
  struct Entry {
    fs::path path;
    fs::file_time_type used;
    std::uint64_t bytes;
  };
  std::vector<Entry> entries;
  std::uint64_t total = bytes;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;  // another process may have removed it
    if (it->path().extension() != ".pack") continue;
    const std::uint64_t size = it->file_size(gone);
    const fs::file_time_type used = it->last_write_time(gone);
    if (gone) continue;
    entries.push_back({it->path(), used, size});
    total += size;
  }
  std::ranges::sort(entries, {}, &Entry::used);
  for (const Entry& entry : entries) {
    if (total <= byte_limit_) return;
    if (fs::remove(entry.path, error)) total -= entry.bytes;
  }
}

std::string PackCache::model_hash(const ModelSource& source) {
  std::error_code error;
  const fs::path canonical = fs::canonical(source.path(), error);
  if (error) return source.content_hash();
  const std::string stats = file_stats(canonical);
  const fs::path memo = folder_ / (key({"model", canonical.string()}) + ".hash");
  {
    std::ifstream in(memo, std::ios::binary);
    std::string hash, kept;
    if (std::getline(in, hash) && hash.size() == kKeyChars) {
      kept.assign(std::istreambuf_iterator<char>(in), {});
      if (kept == stats) return hash;
    }
  }
  const std::string hash = source.content_hash();
  if (file_stats(canonical) != stats) return hash;  // it may hold something else by now
  const fs::path temporary = new_file_beside(memo);
  if (temporary.empty()) return hash;
  std::ofstream out(temporary, std::ios::binary);
  out << hash << '\n' << stats;
  out.close();
  if (out) fs::rename(temporary, memo, error);
  if (!out || error) fs::remove(temporary, error);
  return hash;
}

}  // namespace paretune
