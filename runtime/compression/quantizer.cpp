#include "runtime/compression/quantizer.h"

#include <algorithm>

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

class Clip final : public RowQuantizer {
 public:
  Clip(const WeightFormat& format, std::span<const float> weights)
      : format_(format), weights_(weights.begin(), weights.end()) {}
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    if (!dropped.empty()) {
      const std::vector<float> kept = without_dropped(rows, dropped);
      return quantize(kept, k, {}, out);
    }
    const auto length = static_cast<std::size_t>(k);
    const std::size_t group = group_size(format_, length);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::span<const float> row = rows.subspan(i * length, length);
      RowCodes& codes = out[i];
      format_.encode(row, codes);  // sizes
      for (std::size_t begin = 0; begin < length; begin += group) {
        const std::span<const float> values = row.subspan(begin, std::min(group, length - begin));
        const std::span<const float> weights =
            weights_.empty() ? std::span<const float>()
                             : std::span(weights_).subspan(begin, values.size());
        const GroupGrid grid = fit_grid(values, weights, format_);
        codes.scales[begin / group] = grid.scale;
        if (format_.zeros) codes.zeros[begin / group] = static_cast<std::uint8_t>(grid.zero);
        for (std::size_t j = 0; j < values.size(); ++j) {
          codes.codes[begin + j] = static_cast<std::uint8_t>(grid.code(values[j]));
        }
      }
    }
  }

 private:
  const WeightFormat& format_;
  std::vector<float> weights_;
};

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
std::unique_ptr<RowQuantizer> make_clip(const WeightFormat& format, const InputStatistics*) {
  return std::make_unique<Clip>(format, std::span<const float>());
}
std::unique_ptr<RowQuantizer> make_clip_weighted(const WeightFormat& format,
                                                 const InputStatistics* statistics) {
  return std::make_unique<Clip>(format,
                                statistics ? statistics->mean_squares : std::span<const float>());
}

}  // namespace paretune
