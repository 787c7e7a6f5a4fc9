// A compressed model as one file: every matrix as the kernels read it, the rest as numbers, with
// the recipe that made it. It needs no calibration and no packing, and holds whatever a policy can
// ask for; but only that policy can be served from it.
//
//   "PTMODEL1", zeros to 4096, payloads (each aligned to 64), the index (JSON), then
//   u64 offset of the index, u64 its bytes, u64 XXH3-64 of it
//
// Index: {"schema": "paretune.packed/1", "kernels_version", "model_key", "recipe": {"weights",
// "smoothing", "calibration", "source_hash"}, "shape", "tokenizer", "chat_template",
// "vectors": [{"name", "instance", "at", "count"}] (f32),
// "embeddings": {"type", "at", "bytes"} where they are no packed matrix,
// "matrices": [{"key", "at", "bytes", "checksum"}]}
// Strings of the vocabulary have one character U+0000 to U+00FF for each of their bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "runtime/model/mapped_file.h"
#include "runtime/model/model_source.h"
#include "runtime/model/pack_store.h"
#include "runtime/model/packed_index.h"
#include "runtime/model/tensor_types.h"

namespace paretune {

inline constexpr char kPackedMagic[] = "PTMODEL1";

class PackedModel final : public ModelSource {
 public:
  // Throws std::runtime_error naming the file, what was found and what is allowed.
  explicit PackedModel(const std::filesystem::path& path);

  static bool is_packed(const std::filesystem::path& path);

  const PackedRecipe& recipe() const { return index_.recipe; }
  int kernels_version() const { return index_.kernels_version; }
  // Its matrices; what is kept in it is not.
  PackStore& matrices() const { return *matrices_; }

  const PackedModel* as_packed() const override { return this; }
  const ModelShape& shape() const override { return index_.shape; }
  const TokenizerData& tokenizer() const override { return index_.tokenizer; }
  const std::optional<std::string>& chat_template() const override { return index_.chat_template; }
  // Vectors and embeddings; throws std::runtime_error of a matrix, which is only there as packed.
  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override;
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override;
  std::string source_format(Weight weight, int layer) const override;
  const std::filesystem::path& path() const override { return path_; }
  std::uint64_t file_bytes() const override { return file_->bytes().size(); }
  std::string content_hash() const override;
  void release_pages() const override {}  // the pages are what is served

 private:
  std::span<const std::byte> payload(const PackedIndex::Place& place) const;

  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> file_;
  PackedIndex index_;
  const TensorType* embeddings_type_ = nullptr;
  std::unique_ptr<PackStore> matrices_;
};

}  // namespace paretune
