// Where a model may be made smaller and how: a map from kinds of layers, and from single layers of
// a kind, to a treatment. The deployment's knob "weights" holds one, whole.
//
// As text, a list of assignments of which later ones win:
//   all=int8                                    every matrix but the embeddings
//   mlp=int4_g32:gptq,attention=int8,output=bf16
//   linear=int4_g64:gptq,down@0-1=int8          all but the first two layers' down projections
// Left of "=": a kind (kLayerKinds) or a group of them (kLayerGroups), then "@layer" or
// "@first-last". Right of it: a weight format, then, each after a ":", a quantizer where it is not
// "nearest", a pruner with its percentage, the number of inputs whose weights stay bf16, and the
// rank of a compensation:
//   down=int3_g64:gptq:wanda30:outliers8:rank32
// and gate_up=…:neurons25, where that part of the MLP's neurons is removed from gate, up and down.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/weight_format.h"
#include "runtime/compression/pruner.h"
#include "runtime/compression/quantizer.h"
#include "runtime/model/weights.h"

namespace paretune {

// Matrices that are multiplied as one product, or treated alike. gate_up and down are also those of
// experts; their routers are never rounded.
enum class LayerKind { qkv, attention_output, gate_up, down, output, embeddings, norms };

struct LayerKindInfo {
  LayerKind kind;
  std::string_view name;
  std::string_view help;
  bool per_layer;
};
inline constexpr std::array kLayerKinds{
    LayerKindInfo{LayerKind::qkv, "qkv", "query, key and value projections", true},
    LayerKindInfo{LayerKind::attention_output, "attention_output", "attention output projection",
                  true},
    LayerKindInfo{LayerKind::gate_up, "gate_up", "MLP gate and up projections", true},
    LayerKindInfo{LayerKind::down, "down", "MLP down projection", true},
    LayerKindInfo{LayerKind::output, "output", "output head", false},
    LayerKindInfo{LayerKind::embeddings, "embeddings", "token embeddings", false},
    LayerKindInfo{LayerKind::norms, "norms", "norm weights: f32 or bf16", false},
};
inline constexpr std::size_t kLayerKindCount = kLayerKinds.size();
constexpr const LayerKindInfo& layer_kind_info(LayerKind kind) {
  return kLayerKinds[static_cast<std::size_t>(kind)];
}

// nullopt: never rounded or pruned.
std::optional<LayerKind> layer_kind(Weight weight);

// Short for several kinds, the widest first.
struct LayerGroup {
  std::string_view name;
  std::span<const LayerKind> kinds;
};
inline constexpr std::array kAllKinds{LayerKind::qkv, LayerKind::attention_output,
                                      LayerKind::gate_up, LayerKind::down, LayerKind::output};
inline constexpr std::array kLayerGroups{
    LayerGroup{"all", std::span(kAllKinds)},
    LayerGroup{"linear", std::span(kAllKinds).first(4)},
    LayerGroup{"attention", std::span(kAllKinds).first(2)},
    LayerGroup{"mlp", std::span(kAllKinds).subspan(2, 2)},
};

// "qkv" or "mlp" -> its kinds. Throws std::runtime_error naming `where` and the known names.
std::vector<LayerKind> layer_kinds(std::string_view name, const std::string& where);

struct Treatment {
  const WeightFormat* format = &kBf16;
  const Quantizer* quantizer = &kQuantizers[0];
  const Pruner* pruner = nullptr;  // none
  int pruned_percent = 0;
  int neurons = 0;   // percent of the MLP's that are removed (narrowing.h); of gate_up only
  int outliers = 0;  // columns that stay bf16: those of the loudest inputs and weights
  int rank = 0;      // of the compensation (low_rank.h); 0: none
  int side_columns() const { return outliers + rank; }  // beside the codes, in bf16
  bool calibrated() const;                              // some method in use wants InputStatistics
  bool propagates() const { return has_grid(*format) && quantizer->propagates; }
  bool operator==(const Treatment&) const = default;
};
std::string to_text(const Treatment& treatment);  // "int4_g32:gptq:rank16"
Treatment parse_treatment(std::string_view text, const std::string& where);

class Policy {
 public:
  Policy();  // bf16, embeddings and norms as the file has them (f32)

  const Treatment& at(LayerKind kind, int layer = 0) const;
  // Of every layer of the kind, or of one.
  void set(LayerKind kind, const Treatment& treatment);
  void set(LayerKind kind, int layer, const Treatment& treatment);

  // What the kind's layers get, each treatment once.
  std::vector<Treatment> treatments(LayerKind kind) const;
  // Of the matrices that are multiplied (kAllKinds) and their side columns, each once.
  std::vector<const WeightFormat*> formats() const;
  bool calibrated() const;  // a quantizer in use wants InputStatistics
  bool propagates() const;  // a quantizer in use does
  int last_layer() const;   // that has a treatment of its own; -1: none has

  // Every treatment of a model replaced by change(treatment).
  template <class Change>
  void rewrite(Change&& change) {
    for (std::size_t kind = 0; kind < kLayerKindCount; ++kind) {
      const auto old = std::exchange(layers_[kind], {});
      kinds_[kind] = change(kinds_[kind]);
      for (const auto& [layer, treatment] : old) {
        set(static_cast<LayerKind>(kind), layer, change(treatment));
      }
    }
  }

  bool operator==(const Policy&) const = default;

 private:
  bool any(bool (Treatment::*holds)() const) const;

  std::array<Treatment, kLayerKindCount> kinds_;
  std::array<std::map<int, Treatment>, kLayerKindCount> layers_;  // that differ from their kind
};

// Throws std::runtime_error naming `where` if a method has nothing to do with its format, such as
// hqq with bf16: those weights would be rounded to nearest.
void check_methods(const Policy& policy, const std::string& where);

// The shortest that parse_policy takes for the same policy.
std::string to_text(const Policy& policy);
Policy parse_policy(std::string_view text, const std::string& where);

// The open kinds treated alike, but for the output head; the others as in Policy().
Policy uniform_policy(std::span<const LayerKind> open, const Treatment& linear,
                      const Treatment& output);

// What a search tries where nothing was measured yet: all open kinds alike, from full precision to
// the fewest bits; the output head, where it is open, at 8 bits beside formats of fewer.
std::vector<Policy> uniform_policies(std::span<const LayerKind> open);

}  // namespace paretune
