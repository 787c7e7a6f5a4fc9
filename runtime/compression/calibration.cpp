#include "runtime/compression/calibration.h"

#include <cblas.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/scorer.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {
namespace {

constexpr int kVersion = 3;  // of the samples; raised when they change
constexpr int kSequences = 48, kTokens = 256;
constexpr std::size_t kMostFloats = std::size_t(1) << 29;  // of moments: 2 GiB

// Sums x xᵀ of every row seen.
class Moments final : public InputObserver {
 public:
  Moments(const ModelShape& shape, Calibration& into) : shape_(shape), into_(into) {
    openblas_set_num_threads(1);
  }
  void observe(InputSite site, int layer, int rows, const float* x) override {
    const int k = input_width(shape_, site);
    std::vector<float>&squares = into_.squares(site, layer), &maxima = into_.maxima(site, layer);
    for (int r = 0; r < rows; ++r) {
      const float* row = x + static_cast<std::size_t>(r) * static_cast<std::size_t>(k);
      for (std::size_t i = 0; i < squares.size(); ++i) {
        squares[i] += row[i] * row[i];
        maxima[i] = std::max(maxima[i], std::fabs(row[i]));
      }
    }
    if (std::vector<float>& moments = into_.moments(site, layer); !moments.empty()) {
      cblas_ssyrk(CblasRowMajor, CblasUpper, CblasTrans, k, rows, 1.0f, x, k, 1.0f, moments.data(),
                  k);
    }
    if (site == InputSite::qkv && layer == 0) rows_ += rows;
  }
  // Means of sums, both triangles.
  void finish() {
    const auto each = [&](InputSite site, int layer) {
      const int rows = site == InputSite::output ? output_rows_ : rows_;
      const float inverse = rows > 0 ? 1.0f / static_cast<float>(rows) : 0;
      for (float& v : into_.squares(site, layer)) v *= inverse;
      std::vector<float>& moments = into_.moments(site, layer);
      const auto k = static_cast<std::size_t>(input_width(shape_, site));
      for (std::size_t i = 0; i < k && !moments.empty(); ++i) {
        for (std::size_t j = i; j < k; ++j) {
          moments[j * k + i] = moments[i * k + j] = moments[i * k + j] * inverse;
        }
      }
    };
    output_rows_ = rows_;  // every position wants logits here
    for (int layer = 0; layer < shape_.n_layers; ++layer) {
      for (int site = 0; site < kInputSites - 1; ++site) each(static_cast<InputSite>(site), layer);
    }
    each(InputSite::output, 0);
  }

 private:
  const ModelShape& shape_;
  Calibration& into_;
  int rows_ = 0, output_rows_ = 0;
};

std::vector<std::vector<int>> sample(const Model& model, const DeployConfig& config,
                                     ThreadPool& pool) {
  const ModelSource& source = model.source();
  const TokenizerData& tokenizer = source.tokenizer();
  const int length = std::min(kTokens, source.shape().max_seq_len);
  std::vector<std::vector<int>> sequences(kSequences);
  Engine engine(model, config, pool);
  for (int i = 0; i < kSequences; ++i) {
    // A first token of its own for each, spread over the vocabulary, after BOS where there is one.
    std::vector<int>& tokens = sequences[static_cast<std::size_t>(i)];
    if (tokenizer.bos_id >= 0) tokens.push_back(tokenizer.bos_id);
    tokens.push_back(static_cast<int>((static_cast<long>(i) * 2 + 1) * source.shape().vocab_size /
                                      (2 * kSequences)));
    engine.submit({.id = static_cast<std::uint64_t>(i),
                   .prompt = tokens,
                   .sampling = {.temperature = 1,
                                .seed = static_cast<std::uint64_t>(i) + 1,
                                .max_tokens = std::max(1, length - 2),
                                .ignore_eos = true}});
  }
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.step()) {
      sequences[event.request_id].push_back(event.token);
    }
  }
  for (std::vector<int>& tokens : sequences) {
    tokens.resize(std::min(tokens.size(), static_cast<std::size_t>(length)));
  }
  return sequences;
}

}  // namespace

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

Calibration::Calibration(const ModelShape& shape) {
  std::size_t all = 0;
  for (int layer = 0; layer <= shape.n_layers; ++layer) {
    for (int site = 0; site < kInputSites - 1; ++site) {
      const InputSite at =
          layer < shape.n_layers ? static_cast<InputSite>(site) : InputSite::output;
      const int k = input_width(shape, at);
      sites_.push_back({.k = k});
      sites_.back().squares.resize(static_cast<std::size_t>(k));
      sites_.back().maxima.resize(static_cast<std::size_t>(k));
      all += static_cast<std::size_t>(k) * static_cast<std::size_t>(k);
      if (layer == shape.n_layers) break;
    }
  }
  if (all > kMostFloats) return;
  for (Site& site : sites_) {
    site.moments.resize(static_cast<std::size_t>(site.k) * static_cast<std::size_t>(site.k));
  }
}

std::size_t Calibration::index(InputSite site, int layer) const {
  if (site == InputSite::output) return sites_.size() - 1;
  return static_cast<std::size_t>(layer) * (kInputSites - 1) + static_cast<std::size_t>(site);
}
InputStatistics Calibration::statistics(InputSite site, int layer) const {
  const Site& at = sites_[index(site, layer)];
  return {.k = at.k, .second_moments = at.moments, .mean_squares = at.squares, .maxima = at.maxima};
}
std::vector<float>& Calibration::moments(InputSite site, int layer) {
  return sites_[index(site, layer)].moments;
}
std::vector<float>& Calibration::squares(InputSite site, int layer) {
  return sites_[index(site, layer)].squares;
}
std::vector<float>& Calibration::maxima(InputSite site, int layer) {
  return sites_[index(site, layer)].maxima;
}
void Calibration::divide(InputSite site, int layer, std::span<const float> s) {
  Site& at = sites_[index(site, layer)];
  const std::size_t k = s.size();
  assert(k == at.squares.size());
  for (std::size_t i = 0; i < k; ++i) {
    at.squares[i] /= s[i] * s[i];
    at.maxima[i] /= s[i];
    for (std::size_t j = 0; j < k && !at.moments.empty(); ++j) at.moments[i * k + j] /= s[i] * s[j];
  }
}
std::size_t Calibration::floats() const {
  std::size_t count = 0;
  for (const Site& site : sites_)
    count += site.moments.size() + site.squares.size() + site.maxima.size();
  return count;
}
void Calibration::copy_to(std::span<float> out) const {
  assert(out.size() == floats());
  float* to = out.data();
  for (const Site& site : sites_) {
    to = std::ranges::copy(site.moments, to).out;
    to = std::ranges::copy(site.squares, to).out;
    to = std::ranges::copy(site.maxima, to).out;
  }
}
void Calibration::copy_from(std::span<const float> from) {
  assert(from.size() == floats());
  const float* at = from.data();
  for (Site& site : sites_) {
    at = std::ranges::copy_n(at, static_cast<std::ptrdiff_t>(site.moments.size()),
                             site.moments.begin())
             .in;
    at = std::ranges::copy_n(at, static_cast<std::ptrdiff_t>(site.squares.size()),
                             site.squares.begin())
             .in;
    at = std::ranges::copy_n(at, static_cast<std::ptrdiff_t>(site.maxima.size()),
                             site.maxima.begin())
             .in;
  }
}

Calibration calibrate(const ModelSource& source, PackCache* packs) {
  const ModelShape& shape = source.shape();
  Calibration calibration(shape);
  const std::size_t bytes = calibration.floats() * sizeof(float);
  const std::string key =
      packs ? PackCache::key({"calibration", std::to_string(kVersion),
                              std::to_string(kKernelsVersion), packs->model_hash(source)})
            : "";
  if (packs) {
    if (const std::optional<PackCache::Found> found = packs->find(key, bytes)) {
      calibration.copy_from(
          {reinterpret_cast<const float*>(found->bytes.data()), calibration.floats()});
      return calibration;
    }
  }
  const Target target{this_machine(), shape};
  DeployConfig config = default_config(target);
  config.activations.name = "f32";
  config.kv_cache = &kKvF32;
  config.prefix_caching = false;
  config.max_batch_size = kSequences;
  config.prefill_chunk = 256;
  config.kv_cache_tokens = kSequences * (std::min(kTokens, shape.max_seq_len) + 2 * config.kv_page_tokens);
  ThreadPool pool(config.prefill_threads);
  const Model model(source, config, pool);
  const std::vector<std::vector<int>> sequences = sample(model, config, pool);
  Moments moments(shape, calibration);
  Scorer scorer(model, config, pool, &moments);
  for (const std::vector<int>& tokens : sequences) {
    scorer.score(tokens, 0, [](int, std::span<const float>) {});
  }
  moments.finish();
  if (packs) {
    std::vector<float> all(calibration.floats());
    calibration.copy_to(all);
    packs->keep(key, std::as_bytes(std::span(all)));
  }
  return calibration;
}

}  // namespace paretune
