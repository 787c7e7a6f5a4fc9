// What the inputs of every matrix look like while the model talks: one pass that all calibrated
// quantizers share (quantizer.h).
//
// The texts are the model's own: sampled at temperature 1 from it as stored (bf16), each from
// another first token, with a fixed seed. So nobody has to bring data, and the same model gives the
// same statistics.
#pragma once

#include <optional>
#include <vector>

#include "runtime/compression/quantizer.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;

// Whose input: matrices that read the same rows share it.
enum class InputSite { qkv, attention_output, gate_up, down, output };
inline constexpr int kInputSites = 5;
// nullopt: no statistics are gathered of it (experts see too few rows each).
std::optional<InputSite> input_site(Weight weight);
int input_width(const ModelShape& shape, InputSite site);

// Takes in rows x (rows, width) of one site and layer (0 for output).
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  virtual void observe(InputSite site, int layer, int rows, const float* x) = 0;
};

class Calibration {
 public:
  // Moments of up to 2 GiB are kept whole, of larger models only their diagonals.
  explicit Calibration(const ModelShape& shape);

  InputStatistics statistics(InputSite site, int layer) const;

  std::vector<float>& moments(InputSite site, int layer);  // (k, k), or empty
  std::vector<float>& squares(InputSite site, int layer);  // (k)
  std::vector<float>& maxima(InputSite site, int layer);   // (k)
  // What the statistics would be of inputs divided by s (k).
  void divide(InputSite site, int layer, std::span<const float> s);
  std::size_t floats() const;
  void copy_to(std::span<float> out) const;  // floats()
  void copy_from(std::span<const float> from);

 private:
  struct Site {
    int k = 0;
    std::vector<float> moments, squares, maxima;
  };
  std::size_t index(InputSite site, int layer) const;
  std::vector<Site> sites_;  // (layers, 4), then output
};

// Samples, observes and returns; or finds what an earlier call left in packs. Takes about as long
// as the model needs for 24,000 tokens, and memory for it in bf16.
Calibration calibrate(const ModelSource& source, PackCache* packs);

}  // namespace paretune
