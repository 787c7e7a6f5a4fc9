#include "runtime/model/packed_model.h"

#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "kernels/matmul.h"
#include "runtime/model/stored_model.h"
#include "runtime/refusal.h"

namespace paretune {
namespace {

constexpr std::size_t kTrailer = 3 * sizeof(std::uint64_t);

[[noreturn]] void not_whole(const std::filesystem::path& path, const std::string& found) {
  refuse(path.string(), found, "a whole file that compress packed");
}

class Matrices final : public PackStore {
 public:
  Matrices(std::shared_ptr<const MappedFile> file, const PackedIndex& index)
      : file_(std::move(file)), index_(index) {}

  std::size_t least_bytes(bool) const override { return 0; }
  std::optional<Found> find(const std::string& key, std::size_t bytes) override {
    const auto found = index_.matrices.find(key);
    if (found == index_.matrices.end() || found->second.bytes != bytes) return std::nullopt;
    const std::span<const std::byte> payload = file_->bytes().subspan(found->second.at, bytes);
    if (XXH3_64bits(payload.data(), payload.size()) != found->second.checksum)
      not_whole(file_->path(), "a matrix whose checksum does not fit");
    return Found{file_, payload};
  }
  std::optional<Found> keep(const std::string&, std::span<const std::byte>) override {
    return std::nullopt;
  }
  std::string model_hash(const ModelSource&) override { return index_.model_key; }

 private:
  std::shared_ptr<const MappedFile> file_;
  const PackedIndex& index_;
};

}  // namespace

bool PackedModel::is_packed(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  char magic[sizeof kPackedMagic - 1] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof magic);
  return std::memcmp(magic, kPackedMagic, sizeof magic) == 0;
}

PackedModel::PackedModel(const std::filesystem::path& path)
    : path_(path), file_(std::make_shared<MappedFile>(path)) {
  const std::span<const std::byte> all = file_->bytes();
  std::uint64_t trailer[3] = {};
  if (all.size() < kTrailer + sizeof kPackedMagic) not_whole(path, "too few bytes");
  std::memcpy(trailer, all.data() + all.size() - kTrailer, kTrailer);
  const auto [at, bytes, checksum] = trailer;
  const std::uint64_t room = all.size() - kTrailer;
  if (at > room || bytes != room - at) not_whole(path, "no index at its end");
  const std::span<const std::byte> json = all.subspan(at, bytes);
  if (XXH3_64bits(json.data(), json.size()) != checksum)
    not_whole(path, "an index whose checksum does not fit");
  index_ =
      parse_packed_index({reinterpret_cast<const char*>(json.data()), json.size()}, path.string());
  if (index_.kernels_version != kKernelsVersion)
    throw std::runtime_error(path.string() + ": found matrices packed for kernels of version " +
                             std::to_string(index_.kernels_version) + ", allowed: " +
                             std::to_string(kKernelsVersion) + "; pack the model again");
  check_shape(index_.shape, path.string());
  finish_tokenizer(index_.tokenizer, index_.shape.vocab_size, path.string());

  const auto check = [&](const PackedIndex::Place& place, const std::string& what) {
    if (place.at % 64 != 0 || place.at > at || place.bytes > at - place.at)
      not_whole(path, what + " outside of the file");
  };
  const auto verify = [&](const PackedIndex::Place& place, const std::string& what) {
    const std::span<const std::byte> bytes = payload(place);
    if (XXH3_64bits(bytes.data(), bytes.size()) != place.checksum)
      not_whole(path, what + " whose checksum does not fit");
  };
  for (const auto& [key, place] : index_.matrices) check(place, "the matrix " + key);
  for (const WeightInfo& info : kWeights) {
    if (info.matrix || !info.present(shape())) continue;
    for (int i = 0; i < instances(info, shape()); ++i) {
      const auto found = index_.vectors.find({info.weight, i});
      const std::string what = std::string(info.name) + ' ' + std::to_string(i);
      if (found == index_.vectors.end()) not_whole(path, "no " + what);
      check(found->second, what);
      if (found->second.bytes != std::uint64_t(weight_shape(info.weight)[1]) * sizeof(float))
        not_whole(path, what + " of another size than the model's");
      verify(found->second, what);
    }
  }
  if (!index_.embeddings_type.empty()) {
    check(index_.embeddings, "the embeddings");
    const auto type = std::ranges::find(kTensorTypes, index_.embeddings_type, &TensorType::name);
    if (type == kTensorTypes.end())
      not_whole(path, "embeddings of the type " + index_.embeddings_type);
    embeddings_type_ = &*type;
    const auto [rows, columns] = weight_shape(Weight::token_embedding);
    const auto block = static_cast<std::uint64_t>(type->block_size);
    if (std::uint64_t(columns) % block != 0 ||
        index_.embeddings.bytes != std::uint64_t(rows) * (std::uint64_t(columns) / block) *
                                       std::uint64_t(type->block_bytes))
      not_whole(path, "embeddings of another size than the model's");
    verify(index_.embeddings, "embeddings");
  }
  matrices_ = std::make_unique<Matrices>(file_, index_);
}

std::span<const std::byte> PackedModel::payload(const PackedIndex::Place& place) const {
  return file_->bytes().subspan(place.at, place.bytes);
}

void PackedModel::read_rows(Weight weight, int layer, int row_begin, int row_end,
                            std::span<float> out) const {
  if (const auto vector = index_.vectors.find({weight, layer}); vector != index_.vectors.end()) {
    std::memcpy(out.data(), payload(vector->second).data(), out.size_bytes());
  } else if (weight == Weight::token_embedding && embeddings_type_) {
    const std::size_t bytes = stored_row(weight, 0, 0).size();
    embeddings_type_->to_float(payload(index_.embeddings)
                                   .subspan(static_cast<std::size_t>(row_begin) * bytes,
                                            static_cast<std::size_t>(row_end - row_begin) * bytes),
                               out);
  } else {
    throw std::runtime_error(
        path_.string() + ": found no " + std::string(weight_info(weight).name) +
        " to be rounded, allowed: " + "the weights and the smoothing that it was packed with, " +
        index_.recipe.weights + " and " + index_.recipe.smoothing);
  }
}

std::span<const std::byte> PackedModel::stored_row(Weight weight, int, int row) const {
  assert(weight == Weight::token_embedding && embeddings_type_);
  (void)weight;
  const std::size_t bytes = index_.embeddings.bytes / static_cast<std::size_t>(shape().vocab_size);
  return payload(index_.embeddings).subspan(static_cast<std::size_t>(row) * bytes, bytes);
}

std::string PackedModel::source_format(Weight weight, int) const {
  return weight == Weight::token_embedding && embeddings_type_ ? index_.embeddings_type : "packed";
}

std::string PackedModel::content_hash() const { return hash_of({file_.get()}); }

}  // namespace paretune
