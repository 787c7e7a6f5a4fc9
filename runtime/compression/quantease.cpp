// QuantEase (Behdin et al., arXiv:2309.01885): coordinate descent on the squared error of the
// outputs, from where GPTQ ends. With H = E[x xᵀ] + λ I and e = rounded - w, the error is eᵀ H e:
//
//   each code in turn    to the nearest of rounded_j - (H e)_j / H_jj, the others being as they are
//   each group's scale   to scale - sᵀ H e / sᵀ H s, with s what its codes stand for
//
// No step makes the error larger.
#include <cblas.h>

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "runtime/compression/column_sweep.h"
#include "runtime/compression/grid_fit.h"
#include "runtime/compression/quantizer.h"

namespace paretune {
namespace {

constexpr int kPasses = 4;

class QuantEase final : public RowQuantizer {
 public:
  QuantEase(const WeightFormat& format, const InputStatistics& statistics)
      : format_(format),
        start_(make_gptq(format, &statistics)),
        n_(static_cast<std::size_t>(statistics.k)),
        moments_(statistics.second_moments),
        damping_(static_cast<float>(
            kDamping *
            std::accumulate(statistics.mean_squares.begin(), statistics.mean_squares.end(), 0.0) /
            double(n_))) {}

  void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                std::span<RowCodes> out) const override {
    start_->quantize(rows, k, dropped, out);
    constexpr std::size_t kRows = ColumnSweep::kRowsAtOnce;
    for (std::size_t begin = 0; begin < out.size(); begin += kRows) {
      const std::size_t count = std::min(kRows, out.size() - begin);
      descend(rows.subspan(begin * n_, count * n_),
              dropped.empty() ? dropped : dropped.subspan(begin * n_, count * n_),
              out.subspan(begin, count));
    }
  }

 private:
  // A row as it is being improved.
  struct Row {
    std::span<const std::uint8_t> dropped;
    RowCodes& codes;
    std::span<float> gradient;  // (k) H e
  };

  GroupGrid grid_of(const RowCodes& codes, std::size_t group) const {
    GroupGrid grid = grid_between(0, 0, format_);
    grid.scale = codes.scales[group];
    if (format_.zeros) grid.zero = codes.zeros[group];
    return grid;
  }

  void descend(std::span<const float> rows, std::span<const std::uint8_t> dropped,
               std::span<RowCodes> out) const {
    const std::size_t group = group_size(format_, n_);
    std::vector<float> errors(rows.size()), gradients(rows.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (std::size_t j = 0; j < n_; ++j) {
        errors[i * n_ + j] = grid_of(out[i], j / group).value(out[i].codes[j]) - rows[i * n_ + j];
      }
    }
    gradients = errors;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(out.size()),
                static_cast<int>(n_), static_cast<int>(n_), 1.0f, errors.data(),
                static_cast<int>(n_), moments_.data(), static_cast<int>(n_), damping_,
                gradients.data(), static_cast<int>(n_));
    for (std::size_t i = 0; i < out.size(); ++i) {
      Row row{dropped.empty() ? dropped : dropped.subspan(i * n_, n_), out[i],
              std::span(gradients).subspan(i * n_, n_)};
      for (int pass = 0; pass < kPasses; ++pass) {
        bool better = false;
        for (std::size_t begin = 0; begin < n_; begin += group)
          better |= improve(row, begin / group, begin, std::min(begin + group, n_));
        if (!better) break;
      }
    }
  }

  // The codes [begin, end) of a group, then its scale.
  bool improve(Row& row, std::size_t group, std::size_t begin, std::size_t end) const {
    GroupGrid grid = grid_of(row.codes, group);
    if (grid.scale == 0) return false;
    bool better = false;
    for (std::size_t j = begin; j < end; ++j) {
      if (!row.dropped.empty() && row.dropped[j]) continue;
      const float curvature = moments_[j * n_ + j] + damping_;
      const float now = grid.value(row.codes.codes[j]);
      const int code = grid.code(now - row.gradient[j] / curvature);
      const float change = grid.value(code) - now;
      if (!(change * (row.gradient[j] + curvature * change / 2) < 0)) continue;
      row.codes.codes[j] = static_cast<std::uint8_t>(code);
      cblas_saxpy(static_cast<int>(n_), change, moments_.data() + j * n_, 1, row.gradient.data(),
                  1);
      row.gradient[j] += change * damping_;
      better = true;
    }
    return improve_scale(row, grid, group, begin, end) || better;
  }

  bool improve_scale(Row& row, const GroupGrid& grid, std::size_t group, std::size_t begin,
                     std::size_t end) const {
    std::vector<float> steps(end - begin), change_of(n_);
    for (std::size_t j = begin; j < end; ++j) steps[j - begin] = grid.steps(row.codes.codes[j]);
    // H s, of H's rows of this group.
    cblas_sgemv(CblasRowMajor, CblasTrans, static_cast<int>(end - begin), static_cast<int>(n_),
                1.0f, moments_.data() + begin * n_, static_cast<int>(n_), steps.data(), 1, 0.0f,
                change_of.data(), 1);
    double slope = 0, curvature = 0;
    for (std::size_t j = begin; j < end; ++j) {
      change_of[j] += damping_ * steps[j - begin];
      slope += double(steps[j - begin]) * row.gradient[j];
      curvature += double(steps[j - begin]) * change_of[j];
    }
    if (!(curvature > 0)) return false;
    const float scale = stored_scale(format_, static_cast<float>(grid.scale - slope / curvature));
    const double change = double(scale) - grid.scale;
    if (scale == 0 || !(change * (slope + curvature * change / 2) < 0)) return false;
    row.codes.scales[group] = scale;
    cblas_saxpy(static_cast<int>(n_), static_cast<float>(change), change_of.data(), 1,
                row.gradient.data(), 1);
    return true;
  }

  const WeightFormat& format_;
  std::unique_ptr<RowQuantizer> start_;
  std::size_t n_;
  std::span<const float> moments_;  // the calibration's, valid while the matrix is made
  float damping_;
};

}  // namespace

std::unique_ptr<RowQuantizer> make_quantease(const WeightFormat& format,
                                             const InputStatistics* statistics) {
  if (!statistics || statistics->second_moments.empty()) return make_gptq(format, statistics);
  return std::make_unique<QuantEase>(format, *statistics);
}

}  // namespace paretune
