#include "runtime/compression/narrowing.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime/compression/derived_source.h"

namespace paretune {
namespace {

class NarrowedModel final : public DerivedSource {
 public:
  NarrowedModel(std::unique_ptr<ModelSource> source, int percent, const Calibration& calibration)
      : DerivedSource(std::move(source)), shape_(source_->shape()), percent_(percent) {
    shape_.d_ff = neurons_left(shape_.d_ff, percent);
    for (int layer = 0; layer < shape_.n_layers; ++layer) {
      kept_.push_back(loudest(layer, calibration));
    }
  }

  const ModelShape& shape() const override { return shape_; }
  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override {
    const bool row_removed = weight == Weight::ffn_gate || weight == Weight::ffn_up;
    if (!row_removed && weight != Weight::ffn_down)
      return source_->read_rows(weight, layer, row_begin, row_end, out);
    const std::vector<int>& kept = kept_[static_cast<std::size_t>(layer)];
    if (row_removed) {
      const auto columns = static_cast<std::size_t>(shape_.d_model);
      for (int row = row_begin; row < row_end; ++row) {
        const int from = kept[static_cast<std::size_t>(row)];
        source_->read_rows(
            weight, layer, from, from + 1,
            out.subspan(static_cast<std::size_t>(row - row_begin) * columns, columns));
      }
      return;
    }
    std::vector<float> whole(static_cast<std::size_t>(source_->shape().d_ff));
    float* to = out.data();
    for (int row = row_begin; row < row_end; ++row) {
      source_->read_rows(weight, layer, row, row + 1, whole);
      for (const int column : kept) *to++ = whole[static_cast<std::size_t>(column)];
    }
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    assert(weight != Weight::ffn_down);
    if (weight == Weight::ffn_gate || weight == Weight::ffn_up)
      row = kept_[static_cast<std::size_t>(layer)][static_cast<std::size_t>(row)];
    return source_->stored_row(weight, layer, row);
  }
  // Blocks along the rows of down lose values from their middle.
  std::string source_format(Weight weight, int layer) const override {
    return weight == Weight::ffn_down ? "F32" : source_->source_format(weight, layer);
  }
  std::string variant() const override {
    return source_->variant() + " neurons" + std::to_string(percent_);
  }

 private:
  // In the order of the file.
  std::vector<int> loudest(int layer, const Calibration& calibration) const {
    const auto d_ff = static_cast<std::size_t>(source_->shape().d_ff);
    std::vector<double> norms(d_ff);
    std::vector<float> row(d_ff);
    for (int i = 0; i < shape_.d_model; ++i) {
      source_->read_rows(Weight::ffn_down, layer, i, i + 1, row);
      for (std::size_t j = 0; j < d_ff; ++j) norms[j] += double(row[j]) * row[j];
    }
    const InputStatistics inputs = calibration.statistics(InputSite::down, layer);
    for (std::size_t j = 0; j < d_ff; ++j) norms[j] *= inputs.mean_squares[j];
    std::vector<int> neurons(d_ff);
    std::iota(neurons.begin(), neurons.end(), 0);
    std::ranges::stable_sort(neurons, std::greater<>(),
                             [&](int j) { return norms[static_cast<std::size_t>(j)]; });
    neurons.resize(static_cast<std::size_t>(shape_.d_ff));
    std::ranges::sort(neurons);
    return neurons;
  }

  ModelShape shape_;
  int percent_;
  std::vector<std::vector<int>> kept_;  // by layer
};

}  // namespace

int neurons_left(int d_ff, int removed_percent) {
  constexpr int kLine = 64;
  const long left = long(d_ff) * (100 - removed_percent) / 100;
  return static_cast<int>(
      std::clamp<long>((left + kLine / 2) / kLine * kLine, std::min(kLine, d_ff), d_ff));
}

ModelShape narrowed(ModelShape shape, const Policy& policy) {
  if (const int removed = policy.at(LayerKind::gate_up).neurons; removed > 0)
    shape.d_ff = neurons_left(shape.d_ff, removed);
  return shape;
}

std::unique_ptr<ModelSource> narrowed(std::unique_ptr<ModelSource> source, int removed_percent,
                                      const Calibration& calibration) {
  if (source->shape().n_experts > 0)
    throw std::runtime_error(
        source->path().string() +
        ": found neurons to be removed from a model of experts, allowed: dense models");
  return std::make_unique<NarrowedModel>(std::move(source), removed_percent, calibration);
}

}  // namespace paretune
