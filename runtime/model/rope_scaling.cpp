#include "runtime/model/rope_scaling.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

#include "runtime/model/byte_reader.h"

namespace paretune {
namespace {

void require(bool condition, const std::string& where, const std::string& problem) {
  if (!condition) throw std::runtime_error(where + ": " + problem);
}

// transformers, modeling_rope_utils.py, _compute_llama3_parameters.
double stretch_llama3(double frequency, const RopeScaling& s) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < s.original_max_position / s.high_freq_factor) return frequency;
  if (wavelength > s.original_max_position / s.low_freq_factor) return frequency / s.factor;
  const double smooth = (s.original_max_position / wavelength - s.low_freq_factor) /
                        (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * frequency / s.factor + smooth * frequency;
}

}  // namespace

RopeScaling::Kind rope_scaling_kind(std::string_view name, const std::string& where) {
  if (name == "none" || name == "default") return RopeScaling::Kind::none;
  if (name == "linear") return RopeScaling::Kind::linear;
  if (name == "llama3") return RopeScaling::Kind::llama3;
  throw std::runtime_error(where + ": the RoPE scaling " + in_quotes(name) +
                           " is not supported (supported: none, default, linear, llama3)");
}

std::vector<float> rope_inverse_frequencies(int head_dim, double theta, const RopeScaling& scaling,
                                            const std::string& where) {
  require(std::isfinite(theta) && theta >= 1, where,
          "RoPE's theta is " + std::to_string(theta) + "; allowed: finite and at least 1");
  require(std::isfinite(scaling.factor) && scaling.factor >= 1, where,
          "RoPE's scaling factor is " + std::to_string(scaling.factor) +
              "; allowed: finite and at least 1");
  if (scaling.kind == RopeScaling::Kind::llama3) {
    require(std::isfinite(scaling.high_freq_factor) && scaling.low_freq_factor > 0 &&
                scaling.high_freq_factor > scaling.low_freq_factor &&
                scaling.original_max_position > 0,
            where,
            "RoPE's llama3 scaling needs 0 < low_freq_factor < high_freq_factor and "
            "original_max_position_embeddings > 0");
  }
  std::vector<float> frequencies;
  for (int i = 0; i < head_dim / 2; ++i) {
    double frequency = std::pow(theta, -2.0 * i / head_dim);
    if (scaling.kind == RopeScaling::Kind::linear) frequency /= scaling.factor;
    if (scaling.kind == RopeScaling::Kind::llama3) frequency = stretch_llama3(frequency, scaling);
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

}  // namespace paretune
