#include "runtime/compression/packed_export.h"

#include <xxhash.h>

#include <fstream>
#include <stdexcept>

#include "kernels/matmul.h"
#include "runtime/compression/calibration.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/compression/part_file.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/prepared_source.h"
#include "runtime/model/packed_model.h"

namespace paretune {
namespace {

constexpr std::uint64_t kMatrixAlignment = 64, kHead = 4096;

// Takes every packed matrix down as the model asks for it.
class Writer final : public PackStore {
 public:
  Writer(const std::filesystem::path& to, PackCache* packs)
      : file_(to), packs_(packs), out_(file_.stream()) {
    std::string head(kHead, '\0');
    head.replace(0, sizeof kPackedMagic - 1, kPackedMagic);
    out_ << head;
  }

  std::size_t least_bytes(bool) const override { return 0; }
  std::optional<Found> find(const std::string& key, std::size_t bytes) override {
    if (!packs_ || bytes < packs_->least_bytes(true)) return std::nullopt;
    std::optional<Found> found = packs_->find(key, bytes);
    if (found) add(key, found->bytes);
    return found;
  }
  std::optional<Found> keep(const std::string& key, std::span<const std::byte> bytes) override {
    add(key, bytes);
    if (!packs_ || bytes.size() < packs_->least_bytes(true)) return std::nullopt;
    return packs_->keep(key, bytes);
  }
  std::string model_hash(const ModelSource& source) override {
    return packs_ ? packs_->model_hash(source) : source.content_hash();
  }

  PackedIndex::Place payload(std::span<const std::byte> bytes) {
    const PackedIndex::Place place{
        .at = at_, .bytes = bytes.size(), .checksum = XXH3_64bits(bytes.data(), bytes.size())};
    out_.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    at_ += bytes.size();
    const std::uint64_t padding = (kMatrixAlignment - at_ % kMatrixAlignment) % kMatrixAlignment;
    out_ << std::string(padding, '\0');
    at_ += padding;
    return place;
  }

  void finish(PackedIndex index) {
    index.matrices = std::move(matrices_);
    const std::string json = to_json(index);
    const std::uint64_t trailer[3] = {at_, json.size(), XXH3_64bits(json.data(), json.size())};
    out_ << json;
    out_.write(reinterpret_cast<const char*>(trailer), sizeof trailer);
    file_.finish();
  }

 private:
  void add(const std::string& key, std::span<const std::byte> bytes) {
    if (!matrices_.contains(key)) matrices_[key] = payload(bytes);
  }

  PartFile file_;
  PackCache* packs_;
  std::ofstream& out_;
  std::uint64_t at_ = kHead;
  std::map<std::string, PackedIndex::Place> matrices_;
};

PackedIndex::Place add_vector(Writer& writer, const ModelSource& source, Weight weight, int i) {
  std::vector<float> values(static_cast<std::size_t>(source.weight_shape(weight)[1]));
  source.read_rows(weight, i, 0, 1, values);
  return writer.payload(std::as_bytes(std::span(values)));
}

// As the file has them, or as f32 where they were changed.
void add_embeddings(Writer& writer, const ModelSource& source, PackedIndex& index) {
  const auto [rows, columns] = source.weight_shape(Weight::token_embedding);
  std::vector<std::byte> bytes;
  index.embeddings_type = source.source_format(Weight::token_embedding, 0);
  if (index.embeddings_type == "F32") {
    bytes.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns) *
                 sizeof(float));
    source.read_rows(Weight::token_embedding, 0, 0, rows,
                     {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)});
  } else {
    for (int row = 0; row < rows; ++row) {
      const auto stored = source.stored_row(Weight::token_embedding, 0, row);
      bytes.insert(bytes.end(), stored.begin(), stored.end());
    }
  }
  index.embeddings = writer.payload(bytes);
}

}  // namespace

std::string calibration_text(const ModelSource& source) {
  if (const auto texts = source.calibration_texts(); !texts.empty()) {
    std::size_t tokens = 0;
    for (const std::vector<int>& sequence : texts) tokens += sequence.size();
    return std::to_string(tokens) + " tokens of the user's text, hash " +
           calibration_hash({texts.begin(), texts.end()});
  }
  const std::string sequences = std::to_string(Calibration::kSequences);
  return sequences + " sequences of " + std::to_string(Calibration::kTokens) +
         " tokens, sampled from the model, seeds 1 to " + sequences;
}

ExportedModel export_packed(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                            const std::filesystem::path& to, PackCache* packs) {
  if (source->as_packed())
    throw std::runtime_error(source->path().string() +
                             ": found a packed file, allowed: the model that it was made of");
  Writer writer(to, packs);
  PackedIndex index{
      .kernels_version = kKernelsVersion,
      .recipe = {.weights = to_text(config.weights),
                 .smoothing = std::string(config.smoothing.name),
                 .calibration = needs_calibration(config) ? calibration_text(*source) : "none",
                 .source_hash = writer.model_hash(*source)},
      .tokenizer = source->tokenizer(),
      .chat_template = source->chat_template()};
  const LoadedModel loaded = load_model(std::move(source), config, {}, packs, &writer);
  index.model_key = index.recipe.source_hash + loaded.source->variant();
  index.shape = loaded.source->shape();
  for (const WeightInfo& info : kWeights) {
    if (info.matrix || !info.present(index.shape)) continue;
    for (int i = 0; i < instances(info, index.shape); ++i)
      index.vectors[{info.weight, i}] = add_vector(writer, *loaded.source, info.weight, i);
  }
  if (config.weights.at(LayerKind::embeddings).format == &kF32)
    add_embeddings(writer, *loaded.source, index);
  const double matrices = double(multiplied_parameter_count(index.shape));
  writer.finish(std::move(index));
  return {.bytes = std::filesystem::file_size(to),
          .content_hash = open_model(to)->content_hash(),
          .bits_per_weight = 8 * double(loaded.model->weight_bytes()) / matrices};
}

}  // namespace paretune
