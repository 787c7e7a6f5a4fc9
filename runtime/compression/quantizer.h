// How weights are rounded to the codes of a format (kernels/weight_format.h). One row of
// kQuantizers is a method; a deployment's knob "quantizer" names one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/weight_format.h"

namespace paretune {

// λ of H + λ I as a part of H's mean diagonal, as of GPTQ. A third of it is as good.
inline constexpr double kDamping = 0.01;

// What a matrix's inputs x (k) looked like on the calibration tokens.
struct InputStatistics {
  int k = 0;
  std::span<const float> second_moments;  // (k, k) mean of x xᵀ, symmetric; may be empty
  std::span<const float> mean_squares;    // (k) its diagonal
  std::span<const float> maxima;          // (k) largest |x|; may be empty
};

// One method, made ready for one matrix. Any number of threads may use it at once, and what a row
// becomes does not depend on the rows beside it.
class RowQuantizer {
 public:
  virtual ~RowQuantizer() = default;
  // rows: (n, k), out: (n). dropped: (n, k) with 1 for weights that were pruned and must be zero,
  // or empty. A method may make the others good for them.
  virtual void quantize(std::span<const float> rows, int k, std::span<const std::uint8_t> dropped,
                        std::span<RowCodes> out) const = 0;
  void quantize(std::span<const float> rows, int k, std::span<RowCodes> out) const {
    quantize(rows, k, {}, out);
  }
};

struct Quantizer {
  std::string_view name;
  std::string_view help;
  bool calibrated;  // wants InputStatistics
  // statistics: nullptr where there are none; the method then does what it can without. format: one
  // that it applies to.
  std::unique_ptr<RowQuantizer> (*make)(const WeightFormat& format,
                                        const InputStatistics* statistics);
  // Of the weights and statistics that error_propagation.h leaves.
  bool propagates = false;
  bool superblocks = false;  // fits those too (superblock_fit.h)
};

// Codes in groups with a scale and at most a zero each: what all methods search over.
constexpr bool has_grid(const WeightFormat& format) { return format.bits > 0; }
// The scales of groups are codes themselves.
inline bool has_superblocks(const WeightFormat& format) {
  return &format == &kQ4K || &format == &kQ6K;
}
// Elsewhere weights are rounded to nearest.
inline bool applies(const Quantizer& method, const WeightFormat& format) {
  return has_grid(format) || (method.superblocks && has_superblocks(format));
}

// Rows (n, k) with zeros where they were pruned.
std::vector<float> without_dropped(std::span<const float> rows,
                                   std::span<const std::uint8_t> dropped);

std::unique_ptr<RowQuantizer> make_round_to_nearest(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_clip(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_clip_weighted(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_hqq(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_gptq(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_quantease(const WeightFormat&, const InputStatistics*);
std::unique_ptr<RowQuantizer> make_ternary(const WeightFormat&, const InputStatistics*);

inline constexpr std::array kQuantizers{
    Quantizer{"nearest", "to the nearest code of the group's range", false, make_round_to_nearest},
    Quantizer{"clip", "ranges clipped where that lowers the squared error", false, make_clip, false,
              true},
    Quantizer{"hqq", "half-quadratic: ranges that favour the many over outliers", false, make_hqq},
    Quantizer{"clip_weighted", "as clip, each input weighted by its mean square", true,
              make_clip_weighted, false, true},
    Quantizer{"gptq", "errors of a column made good by the columns after it", true, make_gptq,
              false, true},
    Quantizer{"quantease", "gptq, then codes and scales improved in turns", true, make_quantease},
    Quantizer{"qep", "quantease, which makes good for the matrices rounded before, too", true,
              make_quantease, true},
    Quantizer{"ternary", "to -1, 0 and 1 times a scale, of formats of 2 bits", true, make_ternary},
};
}  // namespace paretune
