#include "runtime/compression/gradual_pruning.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/matmul.h"
#include "runtime/compression/calibration.h"
#include "runtime/compression/column_sweep.h"
#include "runtime/compression/derived_source.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/rows.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/target.h"

namespace paretune {
namespace {

class GradualModel final : public DerivedSource {
 public:
  GradualModel(std::unique_ptr<ModelSource> source, const Policy& policy, PackCache* packs)
      : DerivedSource(std::move(source)),
        packs_(packs),
        before_(source_->variant()),
        hash_(packs ? packs->model_hash(*source_) : ""),
        policy_(to_text(policy)) {
    for (const WeightInfo& info : kWeights) {
      const std::optional<LayerKind> kind = layer_kind(info.weight);
      if (!info.matrix || !kind || !source_->has_weight(info.weight)) continue;
      for (int i = 0; i < instances(info, shape()); ++i) {
        const int layer = info.repeats == Repeats::per_expert ? i / shape().n_experts : i;
        const Treatment& treatment = policy.at(*kind, layer);
        if (treatment.pruner == &kGradual)
          matrices_[{info.weight, i}].percent = treatment.pruned_percent;
      }
    }
  }

  void read_rows(Weight weight, int layer, int begin, int end,
                 std::span<float> out) const override {
    const Matrix* const matrix = find(weight, layer);
    if (!matrix || step_ == 0) return source_->read_rows(weight, layer, begin, end, out);
    const int k = weight_shape(weight)[1];
    std::ranges::copy(matrix->values().subspan(row_offset(begin, k), out.size()), out.begin());
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    assert(!find(weight, layer));
    return source_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return find(weight, layer) ? "F32" : source_->source_format(weight, layer);
  }
  std::string variant() const override {
    return before_ + (step_ == 0 ? "" : " gradual " + std::to_string(step_) + ' ' + policy_);
  }

  // Whether the cache holds what the last step leaves.
  bool find_last() {
    if (!packs_) return false;
    for (auto& [at, matrix] : matrices_) {
      if (!load(at, matrix, kGradualSteps)) return false;
    }
    step_ = kGradualSteps;
    return true;
  }

  void prune(int step, const Calibration& calibration, ThreadPool& pool) {
    std::map<Place, Matrix> next;
    for (auto& [at, matrix] : matrices_) {
      next[at] = pruned(at, matrix, gradual_share(matrix.percent, step), calibration, pool);
      Matrix& made = next[at];
      if (!packs_) continue;
      made.file = packs_->keep(key(at, step), std::as_bytes(std::span(made.own)));
      if (made.file) made.own = std::vector<float>();  // "= {}" would keep its memory
    }
    matrices_ = std::move(next);
    step_ = step;
  }

 private:
  using Place = std::pair<Weight, int>;
  struct Matrix {
    int percent = 0;
    std::vector<float> own;  // (rows, columns), or
    std::optional<PackCache::Found> file;
    std::span<const float> values() const {
      if (!file) return own;
      return {reinterpret_cast<const float*>(file->bytes.data()),
              file->bytes.size() / sizeof(float)};
    }
  };

  const Matrix* find(Weight weight, int layer) const {
    const auto found = matrices_.find({weight, layer});
    return found == matrices_.end() ? nullptr : &found->second;
  }

  std::string key(const Place& at, int step) const {
    return PackCache::key({"gradual", std::to_string(kKernelsVersion),
                           std::to_string(kStatisticsVersion), hash_, before_, policy_,
                           std::string(weight_info(at.first).name), std::to_string(at.second),
                           std::to_string(step)});
  }

  bool load(const Place& at, Matrix& matrix, int step) const {
    const auto [n, k] = weight_shape(at.first);
    matrix.file = packs_->find(key(at, step), row_offset(n, k) * sizeof(float));
    return matrix.file.has_value();
  }

  Matrix pruned(const Place& at, const Matrix& from, double percent, const Calibration& calibration,
                ThreadPool& pool) const {
    const auto [n, k] = weight_shape(at.first);
    const auto columns = static_cast<std::size_t>(k);
    std::optional<ColumnSweep> sweep;  // none: nothing is made good
    if (const auto inputs = calibration.inputs_of(at.first, at.second);
        inputs && !inputs->second_moments.empty())
      sweep.emplace(*inputs);
    Matrix to{.percent = from.percent, .own = std::vector<float>(row_offset(n, k)), .file = {}};
    constexpr int kStep = static_cast<int>(ColumnSweep::kRowsAtOnce);
    pool.run(pool.size(), [&](Team& team) {
      team.dynamic((n + kStep - 1) / kStep, [&](int block) {
        const int begin = block * kStep, end = std::min(begin + kStep, n);
        std::vector<float> rows(row_offset(end - begin, k));
        read_rows(at.first, at.second, begin, end, rows);
        std::vector<std::uint8_t> dropped(rows.size());
        for (std::size_t i = 0; i < rows.size(); i += columns) {
          mark_dropped(kGradual, percent, std::span(rows).subspan(i, columns), nullptr,
                       std::span(dropped).subspan(i, columns));
        }
        float* const out = to.own.data() + row_offset(begin, k);
        const auto settle = [&](std::size_t row, std::size_t column, float value) {
          const std::size_t i = row * columns + column;
          return out[i] = dropped[i] ? 0 : value;
        };
        if (sweep) {
          sweep->run(rows, settle);
        } else {
          for (std::size_t i = 0; i < rows.size(); ++i) settle(i / columns, i % columns, rows[i]);
        }
      });
    });
    return to;
  }

  PackCache* const packs_;
  const std::string before_, hash_, policy_;
  std::map<Place, Matrix> matrices_;
  int step_ = 0;
};

}  // namespace

double gradual_share(double percent, int step) {
  const double left = 1 - double(step) / kGradualSteps;
  return percent * (1 - left * left * left);
}

bool prunes_gradually(const Policy& policy) {
  return std::ranges::any_of(kLayerKinds, [&](const LayerKindInfo& info) {
    return std::ranges::any_of(policy.treatments(info.kind),
                               [](const Treatment& t) { return t.pruner == &kGradual; });
  });
}

std::unique_ptr<ModelSource> gradually_pruned(std::unique_ptr<ModelSource> source,
                                              const Policy& policy, PackCache* packs) {
  auto model = std::make_unique<GradualModel>(std::move(source), policy, packs);
  if (model->find_last()) return model;
  ThreadPool pool(this_machine().physical_cores);
  for (int step = 1; step <= kGradualSteps; ++step)
    model->prune(step, calibrate(*model, packs), pool);
  return model;
}

}  // namespace paretune
