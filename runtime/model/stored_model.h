// The one ModelSource: weights located in mapped files, decoded row by row when asked for. Both
// formats end here.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/model/mapped_file.h"
#include "runtime/model/model_source.h"
#include "runtime/model/weight_table.h"

namespace paretune {

// What a format's reader makes of its files.
struct ModelContents {
  ModelShape shape;
  TokenizerData tokenizer;
  std::optional<std::string> chat_template;
  WeightTable weights;
  bool interleaved_qk = false;  // rows of q and k are stored for RoPE pairs (2i, 2i+1)
};

// XXH3-128 (hex) of all files in the order of their names.
std::string hash_of(std::vector<const MappedFile*> files);

class StoredModel final : public ModelSource {
 public:
  // contents point into files (or, in tests, into bytes that outlive this).
  StoredModel(std::filesystem::path path, std::vector<MappedFile> files, ModelContents contents);

  const ModelShape& shape() const override { return contents_.shape; }
  const TokenizerData& tokenizer() const override { return contents_.tokenizer; }
  const std::optional<std::string>& chat_template() const override {
    return contents_.chat_template;
  }
  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override;
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override;
  std::string source_format(Weight weight, int layer) const override;
  const std::filesystem::path& path() const override { return path_; }
  std::uint64_t file_bytes() const override;
  std::string content_hash() const override;
  void release_pages() const override;

 private:
  const StoredWeight& stored(Weight weight, int layer) const;

  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  ModelContents contents_;
};

}  // namespace paretune
