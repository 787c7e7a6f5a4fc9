// One layer of a model as a model of its own, whose tokens are rows of a residual stream: token i's
// embedding is what the layer is given in row i.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/engine/aligned_buffer.h"
#include "runtime/model/model_source.h"
#include "runtime/model/pack_store.h"

namespace paretune {

class LayerWindow final : public ModelSource {
 public:
  // source must outlive it
  LayerWindow(const ModelSource& source, int layer)
      : source_(source), layer_(layer), shape_(source.shape()) {
    shape_.n_layers = 1;
    shape_.vocab_size = 1;  // nobody wants logits
    shape_.tied_output = false;
  }

  // (rows, d_model) Valid while a model of this runs.
  void show(std::span<const float> stream) { stream_ = stream; }

  void read_rows(Weight weight, int index, int row_begin, int row_end,
                 std::span<float> out) const override {
    if (weight == Weight::token_embedding) {
      std::copy_n(stream_.data() + std::size_t(row_begin) * std::size_t(shape_.d_model), out.size(),
                  out.data());
    } else if (weight == Weight::output) {
      std::ranges::fill(out, 0.0f);
    } else {
      source_.read_rows(weight, within(weight, index), row_begin, row_end, out);
    }
  }
  std::span<const std::byte> stored_row(Weight weight, int index, int row) const override {
    return source_.stored_row(weight, within(weight, index), row);
  }
  std::string source_format(Weight weight, int index) const override {
    const bool own = weight == Weight::token_embedding || weight == Weight::output;
    return own ? "F32" : source_.source_format(weight, within(weight, index));
  }

  const ModelShape& shape() const override { return shape_; }
  const TokenizerData& tokenizer() const override { return source_.tokenizer(); }
  const std::optional<std::string>& chat_template() const override {
    return source_.chat_template();
  }
  const std::filesystem::path& path() const override { return source_.path(); }
  std::uint64_t file_bytes() const override { return source_.file_bytes(); }
  std::string content_hash() const override { return source_.content_hash(); }
  void release_pages() const override {}

 private:
  // The source's number of an instance of ours.
  int within(Weight weight, int index) const {
    const WeightInfo& info = weight_info(weight);
    return info.repeats == Repeats::once ? index : layer_ * instances(info, shape_) + index;
  }

  const ModelSource& source_;
  int layer_;
  ModelShape shape_;
  std::span<const float> stream_;
};

// What was packed of one model, in memory.
class PacksInMemory final : public PackStore {
 public:
  std::size_t least_bytes(bool) const override { return 0; }
  std::optional<Found> find(const std::string& key, std::size_t) override {
    const auto found = packs_.find(key);
    if (found == packs_.end()) return std::nullopt;
    return Found{nullptr, found->second.bytes()};
  }
  std::optional<Found> keep(const std::string& key, std::span<const std::byte> bytes) override {
    AlignedBuffer& kept = packs_[key] = AlignedBuffer(bytes.size());
    std::ranges::copy(bytes, kept.data());
    return Found{nullptr, kept.bytes()};
  }
  std::string model_hash(const ModelSource&) override { return ""; }

 private:
  std::map<std::string, AlignedBuffer> packs_;
};

}  // namespace paretune
