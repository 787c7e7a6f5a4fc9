#include "runtime/compression/error_propagation.h"

#include <cblas.h>

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "runtime/compression/calibration_pass.h"
#include "runtime/compression/derived_source.h"
#include "runtime/compression/layer_window.h"
#include "runtime/compression/uncertainty.h"

// LAPACK, of OpenBLAS: solves a x = b, a positive definite. Column-major; info 0: done.
extern "C" void dposv_(const char* uplo, const int* n, const int* nrhs, double* a, const int* lda,
                       double* b, const int* ldb, int* info);

namespace paretune {
namespace {

// In the order in which a layer reads them.
constexpr std::array kLayerSites{InputSite::qkv, InputSite::attention_output, InputSite::gate_up,
                                 InputSite::down};

class CorrectedModel final : public DerivedSource {
 public:
  CorrectedModel(std::unique_ptr<ModelSource> source, const Policy& policy)
      : DerivedSource(std::move(source)), policy_(to_text(policy)) {}

  // W (rows, k) becomes W + W change. change: (k, k)
  void correct(Weight weight, int layer, std::span<const float> change) {
    const auto [rows, k] = weight_shape(weight);
    std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(k));
    read_rows(weight, layer, 0, rows, values);
    std::vector<float> corrected = values;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, k, k, 1.0f, values.data(), k,
                change.data(), k, 1.0f, corrected.data(), k);
    corrected_[{weight, layer}] = std::move(corrected);
  }

  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override {
    const auto found = corrected_.find({weight, layer});
    if (found == corrected_.end())
      return source_->read_rows(weight, layer, row_begin, row_end, out);
    const auto k = static_cast<std::size_t>(weight_shape(weight)[1]);
    std::copy_n(found->second.data() + static_cast<std::size_t>(row_begin) * k, out.size(),
                out.data());
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    return source_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return corrected_.contains({weight, layer}) ? "F32" : source_->source_format(weight, layer);
  }
  std::string variant() const override { return source_->variant() + " corrected " + policy_; }

 private:
  std::string policy_;
  std::map<std::pair<Weight, int>, std::vector<float>> corrected_;
};

// Keeps what a layer's matrices are given: (tokens, width) each, but for experts' down.
class Inputs final : public InputObserver {
 public:
  explicit Inputs(const ModelShape& shape) : shape_(shape) {}
  std::span<float> of(InputSite site) { return values_[static_cast<std::size_t>(site)]; }

  void observe(InputSite site, int, int rows, const float* x, Team& team) override {
    if (shape_.n_experts > 0 && site == InputSite::down) return;
    const auto width = static_cast<std::size_t>(input_width(shape_, site));
    std::vector<float>& values = values_[static_cast<std::size_t>(site)];
    if (team.rank() == 0) values.resize(static_cast<std::size_t>(rows) * width);
    team.barrier();
    const Team::Range mine = team.share(rows);
    const std::size_t begin = static_cast<std::size_t>(mine.begin) * width,
                      end = static_cast<std::size_t>(mine.end) * width;
    std::copy(x + begin, x + end, values.begin() + std::ptrdiff_t(begin));
  }

 private:
  const ModelShape& shape_;
  std::array<std::vector<float>, kInputSites> values_;
};

// aᵀ b / rows, of (rows, k) each
std::vector<float> mean_product(std::span<const float> a, std::span<const float> b, int k) {
  const auto width = static_cast<std::size_t>(k);
  const auto rows = static_cast<int>(a.size() / width);
  std::vector<float> product(width * width);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, k, k, rows, 1.0f / float(rows), a.data(), k,
              b.data(), k, 0.0f, product.data(), k);
  return product;
}

// d (H + λ I)⁻¹, of (k, k) each
std::vector<float> solved(std::span<const float> d, std::span<const float> h, int k) {
  const auto width = static_cast<std::size_t>(k);
  std::vector<double> a(h.begin(), h.end()), b(d.begin(), d.end());
  double trace = 0;
  for (std::size_t i = 0; i < width; ++i) trace += a[i * width + i];
  const double lambda = std::max(kDamping * trace / k, 1e-12);
  for (std::size_t i = 0; i < width; ++i) a[i * width + i] += lambda;
  // Our rows of d are LAPACK's columns of dᵀ, and H is symmetric.
  int info = 0;
  dposv_("L", &k, &k, a.data(), &k, b.data(), &k, &info);
  if (info != 0) throw std::runtime_error("error propagation: second moments are not finite");
  return {b.begin(), b.end()};
}

class Propagation {
 public:
  Propagation(std::unique_ptr<ModelSource> source, const Policy& policy, Calibration& calibration,
              PackCache* packs)
      : model_(std::make_unique<CorrectedModel>(std::move(source), policy)),
        policy_(policy),
        calibration_(calibration),
        config_(calibration_config(model_->shape())),
        pool_(config_.prefill_threads) {
    embed(packs);
  }

  std::unique_ptr<ModelSource> run() {
    const CalibrationPass pass(LayerWindow(*model_, 0).shape(), config_, rows_);
    for (int layer = 0; layer < model_->shape().n_layers; ++layer) run_layer(pass, layer);
    return std::move(model_);
  }

 private:
  // Both streams begin as the embeddings of all tokens; rows_: a sequence's tokens by their row.
  void embed(PackCache* packs) {
    const Model whole(*model_, config_, pool_, {}, packs);
    const auto d = static_cast<std::size_t>(model_->shape().d_model);
    int row = 0;
    for (const auto& sequence : calibration_sequences(whole, config_, pool_, packs)) {
      std::vector<int>& rows = rows_.emplace_back();
      for (const int token : sequence) {
        rows.push_back(row++);
        exact_.resize(exact_.size() + d);
        model_->read_rows(Weight::token_embedding, 0, token, token + 1, std::span(exact_).last(d));
      }
    }
    rounded_ = exact_;
  }

  void run_layer(const CalibrationPass& pass, int layer) {
    LayerWindow window(*model_, layer);
    PacksInMemory packs;
    DeployConfig config = config_;  // all bf16 at first, then rounded matrix by matrix
    const auto forward = [&](std::span<const float> stream, Inputs& inputs) {
      openblas_set_num_threads(1);
      const Calibration statistics = calibration_.of_layer(layer);
      window.show(stream);
      const Model model(window, config, pool_, {}, &packs, &statistics);
      Workspace workspace;
      workspace.observer = &inputs;
      pass.run(model, pool_, workspace);
      workspace.x.resize(stream.size());
      return std::move(workspace.x);
    };
    Inputs exact(model_->shape()), rounded(model_->shape());
    std::vector<float> exact_after = forward(exact_, exact);
    for (const InputSite site : kLayerSites) {
      const LayerKind kind = *layer_kind(readers(site).front());
      const Treatment& treatment = policy_.at(kind, layer);
      if (treatment.propagates() && has_moments(site, layer)) {
        forward(rounded_, rounded);
        correct(site, layer, exact.of(site), rounded.of(site));
      }
      config.weights.set(kind, treatment);
    }
    rounded_ = forward(rounded_, rounded);
    exact_ = std::move(exact_after);
    if (layer + 1 == model_->shape().n_layers && policy_.at(LayerKind::output).propagates() &&
        has_moments(InputSite::output, 0)) {
      weigh(exact.of(InputSite::output), rounded.of(InputSite::output));
      correct(InputSite::output, 0, exact.of(InputSite::output), rounded.of(InputSite::output));
    }
  }

  bool has_moments(InputSite site, int layer) const {
    const bool mlp = site == InputSite::gate_up || site == InputSite::down;
    if (mlp && model_->shape().n_experts > 0) return false;  // a token's experts may change
    return !calibration_.statistics(site, layer).second_moments.empty();
  }

  // Rows of the output head's inputs, as Calibration weighs them.
  void weigh(std::span<float> exact, std::span<float> rounded) const {
    const auto d = static_cast<std::size_t>(model_->shape().d_model);
    std::vector<float> weights(exact.size() / d);
    uncertainty(*model_, exact, weights);
    to_row_weights(weights);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      exact[i] *= weights[i / d];
      rounded[i] *= weights[i / d];
    }
  }

  // exact becomes what the rounded model's inputs lack.
  void correct(InputSite site, int layer, std::span<float> exact, std::span<const float> rounded) {
    const int k = input_width(model_->shape(), site);
    openblas_set_num_threads(pool_.size());
    for (std::size_t i = 0; i < exact.size(); ++i) exact[i] -= rounded[i];
    std::vector<float> moments = mean_product(rounded, rounded, k);
    const std::vector<float> change = solved(mean_product(exact, rounded, k), moments, k);
    for (const Weight weight : readers(site)) model_->correct(weight, layer, change);
    calibration_.replace(site, layer, std::move(moments));
  }

  std::unique_ptr<CorrectedModel> model_;
  const Policy& policy_;
  Calibration& calibration_;
  DeployConfig config_;
  ThreadPool pool_;
  std::vector<std::vector<int>> rows_;
  std::vector<float> exact_, rounded_;  // the residual streams, (tokens, d_model)
};

}  // namespace

std::unique_ptr<ModelSource> propagate_errors(std::unique_ptr<ModelSource> source,
                                              const Policy& policy, Calibration& calibration,
                                              PackCache* packs) {
  if (!policy.propagates()) return source;
  return Propagation(std::move(source), policy, calibration, packs).run();
}

}  // namespace paretune
