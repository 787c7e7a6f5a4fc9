#include "runtime/compression/quantizer.h"

#include <algorithm>
#include <cmath>

#include "runtime/compression/grid_fit.h"

namespace paretune {
namespace {

class Nearest final : public RowQuantizer {
 public:
  explicit Nearest(const WeightFormat& format) : format_(format) {}
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    if (!dropped.empty()) {
      const std::vector<float> kept = without_dropped(rows, dropped);
      return quantize(kept, k, {}, out);
    }
    const auto length = static_cast<std::size_t>(k);
    for (std::size_t i = 0; i < out.size(); ++i) {
      format_.encode(rows.subspan(i * length, length), out[i]);
    }
  }

 private:
  const WeightFormat& format_;
};

class ByGroup final : public RowQuantizer {
 public:
  ByGroup(const WeightFormat& format, std::span<const float> weights, FitGrid* fit)
      : format_(format), weights_(weights.begin(), weights.end()), fit_(fit) {}
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    if (!dropped.empty()) {
      const std::vector<float> kept = without_dropped(rows, dropped);
      return quantize(kept, k, {}, out);
    }
    const auto length = static_cast<std::size_t>(k);
    const std::size_t group = group_size(format_, length);
    std::vector<GroupGrid> grids((length + group - 1) / group);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::span<const float> row = rows.subspan(i * length, length);
      fit_row(row, weights_, format_, fit_, out[i], grids);
      for (std::size_t j = 0; j < length; ++j)
        out[i].codes[j] = static_cast<std::uint8_t>(grids[j / group].code(row[j]));
    }
  }

 private:
  const WeightFormat& format_;
  std::vector<float> weights_;
  FitGrid* fit_;
};

// Weights of -1, 0 and 1 times a scale (Li et al., arXiv:1605.04711), the scale and what rounds to
// zero improved in turns, as Lloyd's algorithm does.
GroupGrid ternary_grid(std::span<const float> values, std::span<const float> weights,
                       const WeightFormat& format) {
  double sum = 0, count = 0;
  const auto add = [&](float least) {
    sum = count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float size = std::fabs(values[i]), weight = weights.empty() ? 1 : weights[i];
      if (size <= least) continue;
      sum += double(weight) * size;
      count += weight;
    }
    return count > 0 ? float(sum / count) : 0;
  };
  float scale = add(0);
  scale = add(0.7f * scale);
  for (int round = 0; round < 10; ++round) scale = add(scale / 2);
  GroupGrid grid = grid_between(0, 0, format);
  grid.zero = format.zeros ? 1 : grid.zero;
  grid.least = grid.zero - 1;
  grid.most = grid.zero + 1;
  grid.scale = stored_scale(format, scale);
  return grid;
}

}  // namespace

std::vector<float> without_dropped(std::span<const float> rows,
                                   std::span<const std::uint8_t> dropped) {
  std::vector<float> kept(rows.begin(), rows.end());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (dropped[i]) kept[i] = 0;
  }
  return kept;
}

std::unique_ptr<RowQuantizer> make_round_to_nearest(const WeightFormat& format,
                                                    const InputStatistics*) {
  return std::make_unique<Nearest>(format);
}
std::unique_ptr<RowQuantizer> make_by_group(const WeightFormat& format,
                                            std::span<const float> weights, FitGrid* fit) {
  return std::make_unique<ByGroup>(format, weights, fit);
}
std::unique_ptr<RowQuantizer> make_clip(const WeightFormat& format, const InputStatistics*) {
  return make_by_group(format, {}, fit_grid);
}
std::unique_ptr<RowQuantizer> make_clip_weighted(const WeightFormat& format,
                                                 const InputStatistics* statistics) {
  const auto weights = statistics ? statistics->mean_squares : std::span<const float>();
  return make_by_group(format, weights, fit_grid);
}
std::unique_ptr<RowQuantizer> make_ternary(const WeightFormat& format,
                                           const InputStatistics* statistics) {
  return make_by_group(format, statistics ? statistics->mean_squares : std::span<const float>(),
                       ternary_grid);
}

}  // namespace paretune
