// Where packed matrices are found and kept, by a key that holds all that their bytes depend on.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "runtime/model/mapped_file.h"

namespace paretune {

class ModelSource;

class PackStore {
 public:
  virtual ~PackStore() = default;

  struct Found {
    std::shared_ptr<const MappedFile> file;
    std::span<const std::byte> bytes;  // within the file, aligned to 64
  };
  // Smaller matrices are neither looked for nor kept. slow: of those that take more than rounding.
  virtual std::size_t least_bytes(bool slow) const = 0;
  virtual std::optional<Found> find(const std::string& key, std::size_t bytes) = 0;
  // The bytes as kept, so that the caller's own can go; nullopt where they are not.
  virtual std::optional<Found> keep(const std::string& key, std::span<const std::byte> bytes) = 0;
  // Of the files that the source is made of.
  virtual std::string model_hash(const ModelSource& source) = 0;
};

}  // namespace paretune
