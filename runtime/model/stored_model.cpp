#include "runtime/model/stored_model.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <memory>
#include <stdexcept>

namespace paretune {
namespace {

// Where an interleaved file keeps half-split row (or bias) number row: pair (i, i + head_dim/2)
// lies at (2i, 2i+1).
int interleaved_index(int row, int head_dim) {
  const int i = row % head_dim;
  const int half = head_dim / 2;
  return row - i + (i < half ? 2 * i : 2 * (i - half) + 1);
}

// values: rows from `row` on, of `columns` each.
void scale_rows(const BlockScales& scales, int row, std::size_t columns, std::span<float> values) {
  const std::size_t across = (columns + scales.columns - 1) / scales.columns;
  const auto bytes = static_cast<std::size_t>(scales.type->block_bytes);
  std::vector<float> of_row(across);
  for (std::size_t at = 0; at < values.size(); at += columns, ++row) {
    const std::size_t first = static_cast<std::size_t>(row) / scales.rows * across;
    scales.type->to_float(scales.data.subspan(first * bytes, across * bytes), of_row);
    for (std::size_t j = 0; j < columns; ++j) values[at + j] *= of_row[j / scales.columns];
  }
}

}  // namespace

StoredModel::StoredModel(std::filesystem::path path, std::vector<MappedFile> files,
                         ModelContents contents)
    : path_(std::move(path)), files_(std::move(files)), contents_(std::move(contents)) {}

const StoredWeight& StoredModel::stored(Weight weight, int layer) const {
  if (weight == Weight::output && shape().tied_output) weight = Weight::token_embedding;
  const auto& layers = contents_.weights[static_cast<std::size_t>(weight)];
  assert(layer >= 0 && layer < static_cast<int>(layers.size()) && "the model has no such weight");
  return layers[layer];
}

void StoredModel::read_rows(Weight weight, int layer, int row_begin, int row_end,
                            std::span<float> out) const {
  const StoredWeight& tensor = stored(weight, layer);
  const auto [rows, columns] = weight_shape(weight);
  assert(0 <= row_begin && row_begin <= row_end && row_end <= rows);
  assert(out.size() == static_cast<std::size_t>(row_end - row_begin) * columns);
  const std::size_t row_bytes =
      static_cast<std::size_t>(columns / tensor.type->block_size) * tensor.type->block_bytes;
  const auto row_data = [&](int row, int n) {
    return tensor.data.subspan(row * row_bytes, n * row_bytes);
  };
  if (tensor.scales.type) {
    assert(!contents_.interleaved_qk && weight_info(weight).matrix);
    tensor.type->to_float(row_data(row_begin, row_end - row_begin), out);
    scale_rows(tensor.scales, row_begin, static_cast<std::size_t>(columns), out);
    return;
  }

  if (!contents_.interleaved_qk || !is_turned(weight)) {
    tensor.type->to_float(row_data(row_begin, row_end - row_begin), out);
  } else if (weight_info(weight).matrix) {
    for (int row = row_begin; row < row_end; ++row) {
      tensor.type->to_float(
          row_data(interleaved_index(row, shape().head_dim), 1),
          out.subspan(static_cast<std::size_t>(row - row_begin) * columns, columns));
    }
  } else if (row_begin < row_end) {
    std::vector<float> bias(columns);
    tensor.type->to_float(row_data(0, 1), bias);
    for (int i = 0; i < columns; ++i) out[i] = bias[interleaved_index(i, shape().head_dim)];
  }
}

std::span<const std::byte> StoredModel::stored_row(Weight weight, int layer, int row) const {
  const StoredWeight& tensor = stored(weight, layer);
  const auto [rows, columns] = weight_shape(weight);
  assert(0 <= row && row < rows && weight_info(weight).matrix);
  if (contents_.interleaved_qk && is_turned(weight)) row = interleaved_index(row, shape().head_dim);
  const std::size_t row_bytes =
      static_cast<std::size_t>(columns / tensor.type->block_size) * tensor.type->block_bytes;
  return tensor.data.subspan(static_cast<std::size_t>(row) * row_bytes, row_bytes);
}

std::string StoredModel::source_format(Weight weight, int layer) const {
  return std::string(stored(weight, layer).type->name);
}

std::uint64_t StoredModel::file_bytes() const {
  std::uint64_t bytes = 0;
  for (const MappedFile& file : files_) bytes += file.bytes().size();
  return bytes;
}

std::string hash_of(std::vector<const MappedFile*> files) {
  std::ranges::sort(files, {}, [](const MappedFile* file) { return file->path().filename(); });

  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  for (const MappedFile* file : files) {
    XXH3_128bits_update(state.get(), file->bytes().data(), file->bytes().size());
  }
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state.get()));
  std::string hex;
  for (const unsigned char byte : canonical.digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return hex;
}

std::string StoredModel::content_hash() const {
  std::vector<const MappedFile*> files;
  for (const MappedFile& file : files_) files.push_back(&file);
  return hash_of(std::move(files));
}

void StoredModel::release_pages() const {
  for (const MappedFile& file : files_) file.release_pages();
}

}  // namespace paretune
