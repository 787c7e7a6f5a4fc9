// Packed weights on disk, so that a second start maps what the first one packed.
//
//   <folder>/<key>.pack   one packed matrix: a header of 4096 bytes, then the bytes as the kernels
//                         read them
//   <folder>/<name>.hash  a model's content hash, valid while its files' stats stay
//
//   header   "PTPACK1\n", u64 payload bytes, u64 XXH3-64 of the payload, 32 characters of the key,
//   0 …
//
// The key holds all that the bytes depend on: the kernels' version, the format and method, the
// shape, the model's content and which of its rows. A file is written beside its name and renamed,
// so any number of processes may share a folder. What is damaged, truncated or of another version
// is as good as missing and is written anew. Nothing here fails a load: a full disk only means
// packing again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "runtime/model/mapped_file.h"
#include "runtime/model/model_source.h"
#include "runtime/model/pack_store.h"

namespace paretune {

class PackCache final : public PackStore {
 public:
  // Smaller matrices round faster than a file opens; what takes longer to make is kept from a page
  // on.
  static constexpr std::size_t kLeastBytes = std::size_t(4) << 20, kLeastSlowBytes = 4096;

  // byte_limit: of all .pack files together; the least recently used go first.
  PackCache(std::filesystem::path folder, std::uint64_t byte_limit);

  // A limit that leaves most of the disk alone: a quarter of what is free, at most 32 GiB.
  static std::uint64_t default_limit(const std::filesystem::path& folder);

  // 32 characters out of the parts.
  static std::string key(std::initializer_list<std::string> parts);

  // Whether there is a file of it, damaged or not.
  bool has(const std::string& key) const;
  std::size_t least_bytes(bool slow) const override { return slow ? kLeastSlowBytes : kLeastBytes; }
  std::optional<Found> find(const std::string& key, std::size_t bytes) override;
  std::optional<Found> keep(const std::string& key, std::span<const std::byte> bytes) override;

  // source.content_hash(), reading the files only if they changed since it was last asked.
  std::string model_hash(const ModelSource& source) override;

  int found() const { return found_; }
  int damaged() const { return damaged_; }  // files that were there and could not be used

 private:
  void make_room(std::uint64_t bytes);

  std::filesystem::path folder_;
  std::uint64_t byte_limit_;
  int found_ = 0, damaged_ = 0;
};

}  // namespace paretune
