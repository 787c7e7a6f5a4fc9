// What the inputs of every matrix look like while the model talks: one pass that all calibrated
// quantizers share (quantizer.h).
//
// Tokens count alike, but for the output head's inputs: those by how unsure the model is of what
// comes next (uncertainty.h).
//
// The texts are those of source.calibration_texts() and, where these are fewer tokens than wanted,
// the model's own: sampled at temperature 1 from it as stored (bf16), each from another first
// token, with a fixed seed. So nobody has to bring data, and the same model gives the same
// statistics.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/compression/quantizer.h"
#include "runtime/model/model_source.h"

namespace paretune {

class PackCache;
class Team;

inline constexpr int kStatisticsVersion = 7;  // raised when the statistics change

// Whose input: matrices that read the same rows share it.
enum class InputSite { qkv, attention_output, gate_up, down, output };
inline constexpr int kInputSites = 5;
// nullopt: of experts' and other weights (Calibration::inputs_of). Experts' gate and up read their
// layer's gate_up: what all tokens give to all experts, as each sees few of them.
std::optional<InputSite> input_site(Weight weight);
std::vector<Weight> readers(InputSite site);
int input_width(const ModelShape& shape, InputSite site);

// Takes in rows x (rows, width) of one site and layer (0 for output); of experts' down: of the
// expert as ModelSource counts, none for those that no token chose. Called by every thread of the
// team, which have a barrier before x changes.
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  virtual void observe(InputSite site, int layer, int rows, const float* x, Team& team) = 0;
};

// Statistics of every site. Second moments are kept whole for as many kinds of site as fit into
// kMostMomentBytes, the narrow ones first; of the others there are only their diagonals. Where
// there is a pack cache they live in its files, a layer each, and are mapped when asked for.
class Calibration {
 public:
  static constexpr std::size_t kMostMomentBytes = std::size_t(6) << 30;
  // Sampled: so many sequences with the seeds 1, 2, …, each of so many tokens or of the most that
  // the model can hold.
  static constexpr int kSequences = 48, kTokens = 256;

  explicit Calibration(const ModelShape& shape);

  // layer: as InputObserver counts. Second moments are valid until those of another layer, or
  // divided ones of another site, are asked for; the rest as long as this is. Throws
  // std::runtime_error where the cache's file was damaged meanwhile.
  InputStatistics statistics(InputSite site, int layer) const;

  // The same by the matrix that reads them, its index as ModelSource counts; nullopt: none were
  // gathered (routers, embeddings, down of an expert that no token chose).
  std::optional<InputStatistics> inputs_of(Weight weight, int index) const;

  // Of the site's inputs, by absolute value.
  float largest(InputSite site, int layer) const;

  // Held in memory, files that are mapped aside.
  std::size_t memory_bytes() const;

  // Makes them what they would be of inputs divided by s (k).
  void divide(InputSite site, int layer, std::span<const float> s);

  // Takes these second moments (k, k), and the squares on their diagonal, for a site's.
  void replace(InputSite site, int layer, std::vector<float> second_moments);

  // That of a model of this layer alone.
  Calibration of_layer(int layer) const;

 private:
  friend class Gatherer;
  friend Calibration calibrate(const ModelSource& source, PackCache* packs);

  struct Site {
    int k = 0;
    std::size_t moments = 0;  // floats of its own, 0 or k * k,
    std::size_t at = 0;       // behind those of the layer's other sites
    std::vector<float> squares, maxima, divisor;
    std::vector<float> replaced;  // the moments, instead of those of the layer
  };
  struct LayerMoments;
  Site& site(InputSite site, int layer) { return sites_[index(site, layer)]; }
  std::size_t index(InputSite site, int layer) const;
  std::size_t layer_of(std::size_t index) const { return index / sites_per_layer_; }

  std::size_t n_experts_ = 0;                          // 0: dense
  std::size_t sites_per_layer_ = 0;                    // down last: that of each expert
  std::vector<Site> sites_;                            // (layers, sites_per_layer_), then output
  std::vector<std::shared_ptr<LayerMoments>> layers_;  // (layers), then that of output
  struct Divided;
  std::shared_ptr<Divided> divided_;                  // the moments last asked for
  std::shared_ptr<std::atomic<std::size_t>> mapped_;  // the layer last asked for
};

// Samples, observes and returns; or finds what an earlier call left in packs. Takes about as long
// as the model needs for 24,000 tokens; memory for the model in bf16 (with packs: mapped), the
// activations of 12,000 tokens in one layer and, with packs, the moments of one layer.
Calibration calibrate(const ModelSource& source, PackCache* packs);

}  // namespace paretune
