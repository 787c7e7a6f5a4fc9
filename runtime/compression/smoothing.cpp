#include "runtime/compression/smoothing.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "runtime/compression/derived_source.h"

namespace paretune {
namespace {

constexpr float kLeastMaximum = 1e-5f;  // of a maximum, so that silent inputs have finite scales

// Scales whose geometric mean is 1, and none beyond 2^10: norms are stored as f32, but what is
// moved into them need not be absurd.
std::vector<float> centred(std::vector<float> s) {
  double sum = 0;
  for (const float v : s) sum += std::log(double(v));
  const auto middle = static_cast<float>(std::exp(sum / double(s.size())));
  for (float& v : s) v = std::clamp(v / middle, 0x1p-10f, 0x1p10f);
  return s;
}

class SmoothedModel final : public DerivedSource {
 public:
  SmoothedModel(std::unique_ptr<ModelSource> source, const Smoother& smoother, const Policy& policy,
                Calibration& calibration)
      : DerivedSource(std::move(source)), name_(smoother.name), policy_(to_text(policy)) {
    const ModelShape& s = shape();
    for (int layer = 0; layer < s.n_layers; ++layer) {
      smooth_site(InputSite::qkv, LayerKind::qkv, layer, smoother, policy, calibration);
      if (s.n_experts > 0) continue;
      smooth_site(InputSite::gate_up, LayerKind::gate_up, layer, smoother, policy, calibration);
      smooth_site(InputSite::down, LayerKind::down, layer, smoother, policy, calibration);
    }
  }

  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override {
    source_->read_rows(weight, layer, row_begin, row_end, out);
    const auto columns = static_cast<std::size_t>(weight_shape(weight)[1]);
    if (const std::vector<float>* s = columns_of(weight, layer)) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] *= (*s)[i % columns];
    }
    if (const std::vector<float>* s = before(weight, layer)) {
      if (weight == Weight::ffn_up) {
        for (std::size_t i = 0; i < out.size(); ++i)
          out[i] /= (*s)[static_cast<std::size_t>(row_begin) + i / columns];
      } else {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] /= (*s)[i];
      }
    }
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    assert(!columns_of(weight, layer) && !before(weight, layer));
    return source_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return columns_of(weight, layer) || before(weight, layer)
               ? "F32"
               : source_->source_format(weight, layer);
  }
  std::string variant() const override { return source_->variant() + ' ' + name_ + ' ' + policy_; }

 private:
  void smooth_site(InputSite site, LayerKind kind, int layer, const Smoother& smoother,
                   const Policy& policy, Calibration& calibration) {
    const Treatment& treatment = policy.at(kind, layer);
    if (!treatment.format->integer) return;  // floats have a scale of their own each
    const auto k = static_cast<std::size_t>(input_width(shape(), site));
    constexpr int kSample = 32;  // rows of each weight
    std::vector<float> maxima(k, 0.0f), rows, row(k);
    for (const Weight weight : readers(site)) {
      const int n = weight_shape(weight)[0];
      for (int i = 0; i < n; ++i) {
        read_rows(weight, layer, i, i + 1, row);
        for (std::size_t j = 0; j < k; ++j) maxima[j] = std::max(maxima[j], std::fabs(row[j]));
        if (i % std::max(1, n / kSample) == 0) rows.insert(rows.end(), row.begin(), row.end());
      }
    }
    std::vector<float> s =
        smoother.scales(calibration.statistics(site, layer), maxima, rows, treatment);
    calibration.divide(site, layer, s);
    scales_[{site, layer}] = std::move(s);
  }
  const std::vector<float>* find(InputSite site, int layer) const {
    const auto found = scales_.find({site, layer});
    return found == scales_.end() ? nullptr : &found->second;
  }
  // By which the weight's columns are multiplied.
  const std::vector<float>* columns_of(Weight weight, int layer) const {
    const std::optional<InputSite> site = input_site(weight);
    if (!site || *site == InputSite::output || *site == InputSite::attention_output) return nullptr;
    return find(*site, layer);
  }
  // By which the weight's outputs are divided.
  const std::vector<float>* before(Weight weight, int layer) const {
    switch (weight) {
      case Weight::attn_norm:
        return find(InputSite::qkv, layer);
      case Weight::ffn_norm:
        return find(InputSite::gate_up, layer);
      case Weight::ffn_up:
        return find(InputSite::down, layer);
      default:
        return nullptr;
    }
  }

  std::string name_, policy_;
  std::map<std::pair<InputSite, int>, std::vector<float>> scales_;
};

}  // namespace

// Xiao et al., arXiv:2211.10438, α = 0.5: s_j = max|x_j|^α / max|w_j|^(1-α).
std::vector<float> smoothquant_scales(const InputStatistics& inputs,
                                      std::span<const float> column_maxima, std::span<const float>,
                                      const Treatment&) {
  std::vector<float> s(column_maxima.size());
  for (std::size_t j = 0; j < s.size(); ++j) {
    s[j] = std::sqrt(std::max(inputs.maxima[j], kLeastMaximum) /
                     std::max(column_maxima[j], kLeastMaximum));
  }
  return centred(std::move(s));
}

// Lin et al., arXiv:2306.00978: s = (rms x)^α, α from 0 to 1 in steps of 0.1, the one whose rounded
// sample of rows loses the least, each input weighted by its mean square.
std::vector<float> awq_scales(const InputStatistics& inputs, std::span<const float> column_maxima,
                              std::span<const float> rows, const Treatment& treatment) {
  const std::size_t k = column_maxima.size();
  const WeightFormat& format = *treatment.format;
  std::vector<float> best(k, 1.0f), scaled(k), rounded(k);
  std::vector<std::byte> packed(format.packed_bytes(1, static_cast<int>(k)));
  double least = INFINITY;
  for (int step = 0; step <= 10; ++step) {
    std::vector<float> s(k);
    for (std::size_t j = 0; j < k; ++j) {
      s[j] =
          std::pow(std::max(std::sqrt(inputs.mean_squares[j]), kLeastMaximum), 0.1f * float(step));
    }
    s = centred(std::move(s));
    double loss = 0;
    for (std::size_t row = 0; row + k <= rows.size(); row += k) {
      for (std::size_t j = 0; j < k; ++j) scaled[j] = rows[row + j] * s[j];
      format.pack(scaled, 1, static_cast<int>(k), 0, 1, packed);
      format.unpack_row(packed, 1, static_cast<int>(k), 0, rounded);
      for (std::size_t j = 0; j < k; ++j) {
        const double error = rows[row + j] - double(rounded[j]) / s[j];
        loss += inputs.mean_squares[j] * error * error;
      }
    }
    if (loss < least) {
      least = loss;
      best = std::move(s);
    }
  }
  return best;
}

bool needs_statistics(std::string_view smoother) {
  const auto found = std::ranges::find(kSmoothers, smoother, &Smoother::name);
  return found != kSmoothers.end() && found->scales;
}

std::unique_ptr<ModelSource> smooth(std::unique_ptr<ModelSource> source, std::string_view name,
                                    const Policy& policy, Calibration& calibration) {
  const auto smoother = std::ranges::find(kSmoothers, name, &Smoother::name);
  assert(smoother != kSmoothers.end());
  if (!smoother->scales) return source;
  return std::make_unique<SmoothedModel>(std::move(source), *smoother, policy, calibration);
}

}  // namespace paretune
