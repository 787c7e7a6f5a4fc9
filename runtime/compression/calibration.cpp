#include "runtime/compression/calibration.h"

#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/compression/calibration_pass.h"
#include "runtime/compression/uncertainty.h"
#include "runtime/engine/model.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {
std::optional<InputSite> input_site(Weight weight) {
  switch (weight) {
    case Weight::attn_q:
    case Weight::attn_k:
    case Weight::attn_v:
      return InputSite::qkv;
    case Weight::attn_output:
      return InputSite::attention_output;
    case Weight::ffn_gate:
    case Weight::ffn_up:
      return InputSite::gate_up;
    case Weight::ffn_down:
      return InputSite::down;
    case Weight::output:
      return InputSite::output;
    default:
      return std::nullopt;
  }
}

std::vector<Weight> readers(InputSite site) {
  std::vector<Weight> found;
  for (const WeightInfo& info : kWeights) {
    if (input_site(info.weight) == site) found.push_back(info.weight);
  }
  return found;
}

int input_width(const ModelShape& shape, InputSite site) {
  switch (site) {
    case InputSite::attention_output:
      return shape.n_heads * shape.head_dim;
    case InputSite::down:
      return shape.d_ff;
    default:
      return shape.d_model;
  }
}

// The second moments of a layer's sites, one after the other: in memory, or in the pack cache.
struct Calibration::LayerMoments {
  std::size_t floats = 0;
  std::vector<float> own;
  PackCache* packs = nullptr;
  std::string key;
  std::mutex mutex;
  std::optional<PackCache::Found> file;

  std::span<const float> all() {
    if (!packs) return own;
    const std::lock_guard lock(mutex);
    if (!file) file = packs->find(key, floats * sizeof(float));
    if (!file) {
      throw std::runtime_error(
          "calibration: the pack cache has lost the second moments of a layer; start again");
    }
    return {reinterpret_cast<const float*>(file->bytes.data()), floats};
  }
  void unmap() {
    const std::lock_guard lock(mutex);
    file.reset();
  }
};

struct Calibration::Divided {
  std::mutex mutex;
  std::size_t index = 0;
  std::vector<float> moments;
};

Calibration::Calibration(const ModelShape& shape)
    : n_experts_(static_cast<std::size_t>(shape.n_experts)),
      sites_per_layer_(kInputSites - 2 + std::max<std::size_t>(n_experts_, 1)),
      divided_(std::make_shared<Divided>()),
      mapped_(std::make_shared<std::atomic<std::size_t>>(0)) {
  const auto layers = static_cast<std::size_t>(shape.n_layers);
  std::vector<InputSite> by_width;
  for (int i = 0; i < kInputSites; ++i) by_width.push_back(static_cast<InputSite>(i));
  std::ranges::stable_sort(by_width, {}, [&](InputSite s) { return input_width(shape, s); });
  std::size_t bytes = 0;
  bool whole[kInputSites] = {};
  for (const InputSite kind : by_width) {
    const auto k = static_cast<std::size_t>(input_width(shape, kind));
    bytes += k * k * sizeof(float) * (kind == InputSite::output ? 1 : layers) *
             (kind == InputSite::down ? sites_per_layer_ - std::size_t(InputSite::down) : 1);
    whole[static_cast<int>(kind)] = bytes <= kMostMomentBytes;
  }
  for (std::size_t i = 0; i <= layers * sites_per_layer_; ++i) {
    const InputSite kind =
        i == layers * sites_per_layer_
            ? InputSite::output
            : std::min(static_cast<InputSite>(i % sites_per_layer_), InputSite::down);
    const std::size_t layer = layer_of(i);
    if (layer == layers_.size()) layers_.push_back(std::make_shared<LayerMoments>());
    LayerMoments& of_layer = *layers_[layer];
    const auto k = static_cast<std::size_t>(input_width(shape, kind));
    sites_.push_back({.k = static_cast<int>(k),
                      .moments = whole[static_cast<int>(kind)] ? k * k : 0,
                      .at = of_layer.floats,
                      .squares = std::vector<float>(k),
                      .maxima = std::vector<float>(k),
                      .divisor = {},
                      .replaced = {}});
    of_layer.floats += sites_.back().moments;
  }
}

std::size_t Calibration::index(InputSite site, int layer) const {
  if (site == InputSite::output) return sites_.size() - 1;
  const auto at = static_cast<std::size_t>(layer), first = static_cast<std::size_t>(site);
  if (site == InputSite::down && n_experts_ > 0)
    return at / n_experts_ * sites_per_layer_ + first + at % n_experts_;
  return at * sites_per_layer_ + first;
}

std::optional<InputStatistics> Calibration::inputs_of(Weight weight, int index) const {
  if (weight == Weight::expert_gate || weight == Weight::expert_up)
    return statistics(InputSite::gate_up, index / static_cast<int>(n_experts_));
  if (weight == Weight::expert_down) {
    if (largest(InputSite::down, index) == 0) return std::nullopt;
    return statistics(InputSite::down, index);
  }
  const std::optional<InputSite> site = input_site(weight);
  return site ? std::optional(statistics(*site, index)) : std::nullopt;
}

float Calibration::largest(InputSite site, int layer) const {
  return std::ranges::max(sites_[index(site, layer)].maxima);
}

InputStatistics Calibration::statistics(InputSite site, int layer) const {
  const std::size_t i = index(site, layer);
  const Site& at = sites_[i];
  InputStatistics result{
      .k = at.k, .second_moments = {}, .mean_squares = at.squares, .maxima = at.maxima};
  if (at.moments == 0) return result;
  if (!at.replaced.empty()) {
    result.second_moments = at.replaced;
    return result;
  }
  const std::size_t before = mapped_->exchange(layer_of(i));
  if (before != layer_of(i)) layers_[before]->unmap();
  const std::span<const float> raw = layers_[layer_of(i)]->all().subspan(at.at, at.moments);
  if (at.divisor.empty()) {
    result.second_moments = raw;
    return result;
  }
  const std::lock_guard lock(divided_->mutex);
  if (divided_->moments.empty() || divided_->index != i) {
    divided_->index = i;
    divided_->moments.resize(raw.size());
    const std::size_t k = at.divisor.size();
    for (std::size_t r = 0; r < k; ++r) {
      for (std::size_t c = 0; c < k; ++c) {
        divided_->moments[r * k + c] = raw[r * k + c] / (at.divisor[r] * at.divisor[c]);
      }
    }
  }
  result.second_moments = divided_->moments;
  return result;
}

std::size_t Calibration::memory_bytes() const {
  std::size_t floats = divided_->moments.capacity();
  for (const auto& layer : layers_) floats += layer->own.capacity();
  for (const Site& site : sites_)
    floats += site.squares.capacity() + site.maxima.capacity() + site.divisor.capacity() +
              site.replaced.capacity();
  return floats * sizeof(float);
}

void Calibration::divide(InputSite site, int layer, std::span<const float> s) {
  Site& at = this->site(site, layer);
  assert(s.size() == at.squares.size());
  if (at.divisor.empty()) at.divisor.assign(s.size(), 1.0f);
  for (std::size_t i = 0; i < s.size(); ++i) {
    at.squares[i] /= s[i] * s[i];
    at.maxima[i] /= s[i];
    at.divisor[i] *= s[i];
  }
  divided_ = std::make_shared<Divided>();  // a copy of this may still use the other
}

void Calibration::replace(InputSite site, int layer, std::vector<float> second_moments) {
  Site& at = this->site(site, layer);
  const std::size_t k = at.squares.size();
  assert(second_moments.size() == k * k);
  for (std::size_t i = 0; i < k; ++i) at.squares[i] = second_moments[i * k + i];
  at.replaced = std::move(second_moments);
}

Calibration Calibration::of_layer(int layer) const {
  Calibration one = *this;
  const auto sites = sites_.begin() + std::ptrdiff_t(index(InputSite::qkv, layer));
  one.sites_.assign(sites, sites + std::ptrdiff_t(sites_per_layer_));
  one.sites_.push_back(sites_.back());
  one.layers_ = {layers_[static_cast<std::size_t>(layer)], layers_.back()};
  one.divided_ = std::make_shared<Divided>();
  one.mapped_ = std::make_shared<std::atomic<std::size_t>>(0);
  return one;
}

// Takes in each site once, all rows together, layer by layer.
class Gatherer final : public InputObserver {
 public:
  Gatherer(Calibration& into, const ModelSource& source, PackCache* packs,
           const std::vector<std::string>& keys)
      : into_(into), source_(source), packs_(packs), keys_(keys) {}

  void observe(InputSite site, int layer, int rows, const float* x, Team& team) override {
    const std::size_t index = into_.index(site, layer);
    if (team.rank() == 0) begin(index);
    if (site == InputSite::output) x = weigh(rows, x, team);
    team.barrier();
    const auto k = static_cast<std::size_t>(into_.sites_[index].k);
    team.dynamic(static_cast<int>((k + kColumns - 1) / kColumns), [&](int block) {
      const std::size_t from = static_cast<std::size_t>(block) * kColumns;
      gather(into_.sites_[index], x, static_cast<std::size_t>(rows), from,
             std::min(from + kColumns, k));
    });
  }

  // What was gathered of the layer goes to the cache's file, or stays with the layer.
  void flush() {
    Calibration::LayerMoments& done = *into_.layers_[layer_];
    if (done.floats == 0) return;
    if (packs_ && packs_->keep(keys_[layer_], std::as_bytes(std::span(moments_)))) {
      done.packs = packs_;
      done.key = keys_[layer_];
      return;
    }
    done.own = std::exchange(moments_, {});
  }

 private:
  static constexpr std::size_t kColumns = 128;  // that one thread takes

  void begin(std::size_t index) {
    const std::size_t layer = into_.layer_of(index);
    if (layer != layer_) flush();
    if (layer != layer_ || moments_.empty())
      moments_.assign(into_.layers_[layer]->floats, 0.0f);  // sites that are not seen stay zero
    layer_ = layer;
  }

  // The rows (rows, d_model) of the output head, each by what the model's uncertainty there weighs.
  const float* weigh(int rows, const float* x, Team& team) {
    const auto d = static_cast<std::size_t>(source_.shape().d_model);
    if (team.rank() == 0) {
      row_weights_.resize(static_cast<std::size_t>(rows));
      weighted_.assign(x, x + static_cast<std::size_t>(rows) * d);
    }
    team.barrier();
    const Team::Range share = team.share(rows, kUncertainRows);
    const auto first = static_cast<std::size_t>(share.begin),
               count = static_cast<std::size_t>(share.end - share.begin);
    uncertainty(source_, {x + first * d, count * d}, std::span(row_weights_).subspan(first, count));
    team.barrier();
    if (team.rank() == 0) to_row_weights(row_weights_);
    team.barrier();
    for (std::size_t i = first * d; i < (first + count) * d; ++i)
      weighted_[i] *= row_weights_[i / d];
    return weighted_.data();
  }

  // Columns [from, to) of x, and of the moments what is right of the diagonal and its mirror.
  void gather(Calibration::Site& at, const float* x, std::size_t rows, std::size_t from,
              std::size_t to) {
    const auto k = static_cast<std::size_t>(at.k);
    double sums[kColumns] = {};
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = from; i < to; ++i) {
        const float v = x[r * k + i];
        sums[i - from] += double(v) * v;
        at.maxima[i] = std::max(at.maxima[i], std::fabs(v));
      }
    }
    for (std::size_t i = from; i < to; ++i)
      at.squares[i] = static_cast<float>(sums[i - from] / static_cast<double>(rows));
    if (at.moments == 0) return;
    float* const m = moments_.data() + at.at;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, static_cast<int>(to - from),
                static_cast<int>(k - from), static_cast<int>(rows), 1.0f / static_cast<float>(rows),
                x + from, at.k, x + from, at.k, 0.0f, m + from * k + from, at.k);
    for (std::size_t j = from + 1; j < k; ++j) {
      for (std::size_t i = from; i < std::min(to, j); ++i) m[j * k + i] = m[i * k + j];
    }
  }

  Calibration& into_;
  const ModelSource& source_;
  PackCache* packs_;
  const std::vector<std::string>& keys_;
  std::size_t layer_ = 0;
  std::vector<float> moments_;  // of that layer's sites
  std::vector<float> row_weights_, weighted_;
};

Calibration calibrate(const ModelSource& source, PackCache* packs) {
  const ModelShape& shape = source.shape();
  Calibration calibration(shape);
  // Squares and maxima of all sites in one file, moments in one a layer.
  std::string key;
  std::vector<std::string> layer_keys;
  std::vector<std::vector<float>*> small;
  std::size_t floats = 0;
  for (Calibration::Site& site : calibration.sites_) {
    for (std::vector<float>* values : {&site.squares, &site.maxima}) {
      small.push_back(values);
      floats += values->size();
    }
  }
  if (packs) {
    const std::string model = packs->model_hash(source) + source.variant();
    const auto key_of = [&](const std::string& part) {
      return PackCache::key({"calibration", std::to_string(kStatisticsVersion),
                             std::to_string(kKernelsVersion), model, part});
    };
    key = key_of("squares and maxima");
    bool complete = true;
    for (std::size_t i = 0; i < calibration.layers_.size(); ++i) {
      Calibration::LayerMoments& layer = *calibration.layers_[i];
      layer_keys.push_back(key_of("moments " + std::to_string(i)));
      if (layer.floats == 0) continue;
      complete = complete && packs->has(layer_keys[i]);
      layer.packs = packs;
      layer.key = layer_keys[i];
    }
    if (complete) {
      if (const auto found = packs->find(key, floats * sizeof(float))) {
        const float* at = reinterpret_cast<const float*>(found->bytes.data());
        for (std::vector<float>* values : small) {
          std::copy_n(at, values->size(), values->data());
          at += values->size();
        }
        return calibration;
      }
    }
    for (const auto& layer : calibration.layers_) layer->packs = nullptr;
  }

  const DeployConfig config = calibration_config(shape);
  ThreadPool pool(config.prefill_threads);
  const Model model(source, config, pool, {}, packs);
  const std::vector<std::vector<int>> sequences = calibration_sequences(model, config, pool, packs);
  const CalibrationPass pass(shape, config, sequences);
  Gatherer gatherer(calibration, source, packs, layer_keys);
  Workspace workspace;
  workspace.observer = &gatherer;
  openblas_set_num_threads(1);  // it is called on threads of our own
  pass.run(model, pool, workspace);
  gatherer.flush();
  if (packs) {
    std::vector<float> all;
    for (const std::vector<float>* values : small)
      all.insert(all.end(), values->begin(), values->end());
    packs->keep(key, std::as_bytes(std::span(all)));
  }
  return calibration;
}

}  // namespace paretune
