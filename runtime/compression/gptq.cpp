// GPTQ (Frantar et al., arXiv:2210.17323): a sweep over the columns (column_sweep.h) that settles
// each at its nearest code. A group's scale and zero are fitted before, on its weights as they are,
// weighted by the inputs' mean squares ("static groups").
#include <algorithm>
#include <cstddef>
#include <vector>

#include "runtime/compression/column_sweep.h"
#include "runtime/compression/grid_fit.h"
#include "runtime/compression/quantizer.h"

namespace paretune {
namespace {

class Gptq final : public RowQuantizer {
 public:
  Gptq(const WeightFormat& format, const InputStatistics& statistics)
      : format_(format),
        weights_(statistics.mean_squares.begin(), statistics.mean_squares.end()),
        sweep_(statistics) {}

  // Pruned columns are rounded to zero like others to their codes, so that those after them make
  // good for them too (SparseGPT, arXiv:2301.00774, with the mask given).
  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    constexpr std::size_t kRows = ColumnSweep::kRowsAtOnce;
    for (std::size_t begin = 0; begin < out.size(); begin += kRows) {
      const std::size_t count = std::min(kRows, out.size() - begin);
      const auto n = static_cast<std::size_t>(k);
      quantize_block(rows.subspan(begin * n, count * n), n,
                     dropped.empty() ? dropped : dropped.subspan(begin * n, count * n),
                     out.subspan(begin, count));
    }
  }

 private:
  void quantize_block(std::span<const float> rows, std::size_t n,
                      std::span<const std::uint8_t> dropped, std::span<RowCodes> out) const {
    const std::size_t group = group_size(format_, n);
    const std::size_t groups = (n + group - 1) / group;
    std::vector<GroupGrid> grids(out.size() * groups);
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::span<const float> row = rows.subspan(i * n, n);
      fit_row(row, weights_, format_, fit_grid, out[i],
              std::span(grids).subspan(i * groups, groups));
    }
    sweep_.run(rows, [&](std::size_t i, std::size_t column, float value) {
      const GroupGrid& grid = grids[i * groups + column / group];
      const bool gone = !dropped.empty() && dropped[i * n + column] != 0;
      const int code = grid.code(gone ? 0 : value);
      out[i].codes[column] = static_cast<std::uint8_t>(code);
      return grid.value(code);
    });
  }

  const WeightFormat& format_;
  std::vector<float> weights_;
  ColumnSweep sweep_;
};

}  // namespace

std::unique_ptr<RowQuantizer> make_gptq(const WeightFormat& format,
                                        const InputStatistics* statistics) {
  if (!statistics || statistics->second_moments.empty()) {
    return make_clip_weighted(format, statistics);
  }
  return std::make_unique<Gptq>(format, *statistics);
}

}  // namespace paretune
