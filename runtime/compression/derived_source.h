// A model whose weights are computed from another's: all but the weights is passed on.
#pragma once

#include <memory>
#include <utility>

#include "runtime/model/model_source.h"

namespace paretune {

class DerivedSource : public ModelSource {
 public:
  explicit DerivedSource(std::unique_ptr<ModelSource> source) : source_(std::move(source)) {}

  const ModelShape& shape() const override { return source_->shape(); }
  const TokenizerData& tokenizer() const override { return source_->tokenizer(); }
  const std::optional<std::string>& chat_template() const override {
    return source_->chat_template();
  }
  const std::filesystem::path& path() const override { return source_->path(); }
  std::uint64_t file_bytes() const override { return source_->file_bytes(); }
  std::string content_hash() const override { return source_->content_hash(); }
  void release_pages() const override { source_->release_pages(); }
  const ModelSource& as_stored() const override { return source_->as_stored(); }
  std::span<const std::vector<int>> calibration_texts() const override {
    return source_->calibration_texts();
  }

 protected:
  std::unique_ptr<ModelSource> source_;
};

}  // namespace paretune
