#include "runtime/compression/policy.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "runtime/refusal.h"

namespace paretune {
namespace {

constexpr int kMaxLayer = 4095, kMaxRank = 1024;

[[noreturn]] void fail(const std::string& where, std::string_view found,
                       const std::string& allowed) {
  refuse(where, in_double_quotes(found), allowed);
}

std::string known_kinds() {
  const auto name = [](const auto& row) { return row.name; };
  return joined(kLayerKinds, name) + ", " + joined(kLayerGroups, name);
}

// Splits off and returns what is before the separator, or all.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

int parse_number(std::string_view text, int least, int most, std::string_view what,
                 const std::string& where) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    fail(where, text,
         std::string(what) + " from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

int parse_layer(std::string_view text, const std::string& where) {
  int layer = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), layer);
  if (error != std::errc() || end != text.data() + text.size() || layer < 0 || layer > kMaxLayer) {
    fail(where, text, "a layer from 0 to " + std::to_string(kMaxLayer));
  }
  return layer;
}

void assign(Policy& policy, std::string_view assignment, const std::string& where) {
  if (assignment.find('=') == std::string_view::npos) {
    fail(where, assignment, "kind=format, such as mlp=int4_g32:gptq; kinds: " + known_kinds());
  }
  std::string_view value = assignment;
  std::string_view layers = take_until(value, '=');
  const bool ranged = layers.find('@') != std::string_view::npos;
  const std::string_view name = take_until(layers, '@');
  const std::vector<LayerKind> kinds = layer_kinds(name, where);
  const Treatment treatment = parse_treatment(value, where);
  for (const LayerKind kind : kinds) {
    const LayerKindInfo& info = layer_kind_info(kind);
    if (kind == LayerKind::norms && treatment.format != &kF32 && treatment.format != &kBf16) {
      fail(where, assignment, "f32 or bf16 for norms");
    }
    if (treatment.neurons > 0 && (kind != LayerKind::gate_up || ranged)) {
      fail(where, assignment, "neurons of gate_up, in all layers: they go from gate, up and down");
    }
    if (!ranged) {
      policy.set(kind, treatment);
      continue;
    }
    if (!info.per_layer) {
      fail(where, assignment, std::string(info.name) + " without @: a model has one");
    }
    std::string_view rest = layers;
    const bool several = rest.find('-') != std::string_view::npos;
    const int first = parse_layer(take_until(rest, '-'), where);
    const int last = several ? parse_layer(rest, where) : first;
    if (last < first) fail(where, layers, "a range that begins before it ends");
    for (int layer = first; layer <= last; ++layer) policy.set(kind, layer, treatment);
  }
}

void append(std::string& text, std::string_view left, const Treatment& treatment) {
  text += (text.empty() ? "" : ",") + std::string(left) + '=' + to_text(treatment);
}

}  // namespace

std::vector<LayerKind> layer_kinds(std::string_view name, const std::string& where) {
  for (const LayerKindInfo& info : kLayerKinds) {
    if (info.name == name) return {info.kind};
  }
  for (const LayerGroup& group : kLayerGroups) {
    if (group.name == name) return {group.kinds.begin(), group.kinds.end()};
  }
  fail(where, name, known_kinds());
}

void check_methods(const Policy& policy, const std::string& where) {
  for (const LayerKindInfo& info : kLayerKinds) {
    for (const Treatment& treatment : policy.treatments(info.kind)) {
      if (treatment.quantizer == &kQuantizers[0] ||
          applies(*treatment.quantizer, *treatment.format))
        continue;
      std::string methods, formats;
      for (const Quantizer& row : kQuantizers) {
        if (&row == &kQuantizers[0] || applies(row, *treatment.format))
          methods += (methods.empty() ? "" : ", ") + std::string(row.name);
      }
      for (const WeightFormat* format : kWeightFormats) {
        if (applies(*treatment.quantizer, *format))
          formats += (formats.empty() ? "" : ", ") + std::string(format->name);
      }
      fail(where, to_text(treatment),
           std::string(treatment.format->name) + " by " + methods + "; " +
               std::string(treatment.quantizer->name) + " of " + formats);
    }
  }
}

std::string to_text(const Treatment& treatment) {
  std::string text(treatment.format->name);
  if (treatment.quantizer != &kQuantizers[0]) text += ':' + std::string(treatment.quantizer->name);
  if (treatment.pruner)
    text += ':' + std::string(treatment.pruner->name) + std::to_string(treatment.pruned_percent);
  if (treatment.neurons > 0) text += ":neurons" + std::to_string(treatment.neurons);
  if (treatment.outliers > 0) text += ":outliers" + std::to_string(treatment.outliers);
  if (treatment.rank > 0) text += ":rank" + std::to_string(treatment.rank);
  return text;
}

Treatment parse_treatment(std::string_view text, const std::string& where) {
  Treatment treatment;
  const std::string_view text_begin = text;
  const std::string_view format = take_until(text, ':');
  const auto known = std::ranges::find(kWeightFormats, format, &WeightFormat::name);
  if (known == kWeightFormats.end()) {
    fail(where, format, joined(kWeightFormats, [](const auto* row) { return row->name; }));
  }
  treatment.format = *known;
  while (!text.empty()) {
    const std::string_view option = take_until(text, ':');
    const auto method = std::ranges::find(kQuantizers, option, &Quantizer::name);
    if (method != kQuantizers.end()) {
      treatment.quantizer = &*method;
      continue;
    }
    const auto digits = std::min(option.find_first_of("0123456789"), option.size());
    const std::string_view name = option.substr(0, digits), number = option.substr(digits);
    if (name == "neurons") {
      treatment.neurons = parse_number(number, 1, 90, "percent", where);
      continue;
    }
    if (name == "outliers") {
      treatment.outliers = parse_number(number, 1, kMaxRank, "columns", where);
      continue;
    }
    if (name == "rank") {
      treatment.rank = parse_number(number, 1, kMaxRank, "rank", where);
      continue;
    }
    const auto pruner = std::ranges::find(kPruners, name, &Pruner::name);
    if (pruner == kPruners.end() || number.empty()) {
      const auto own = [](const auto& row) { return row.name; };
      const auto with_percent = [](const auto& row) { return std::string(row.name) + "50"; };
      fail(where, option,
           joined(kQuantizers, own) + ", " + joined(kPruners, with_percent) +
               ", neurons25, outliers8, rank16 (numbers are examples)");
    }
    treatment.pruner = &*pruner;
    treatment.pruned_percent = parse_number(number, 1, 99, "percent", where);
  }
  if (treatment.pruner && !keeps_zeros(*treatment.format)) {
    fail(where, text_begin, "a pruner with a format that has a zero");
  }
  if (treatment.quantizer->name == "ternary" && treatment.format->bits != 2) {
    fail(where, std::string(format) + ":ternary", "int2_g32:ternary, int2_g64:ternary");
  }
  return treatment;
}

std::optional<LayerKind> layer_kind(Weight weight) {
  switch (weight) {
    case Weight::attn_q:
    case Weight::attn_k:
    case Weight::attn_v:
      return LayerKind::qkv;
    case Weight::attn_output:
      return LayerKind::attention_output;
    case Weight::ffn_gate:
    case Weight::ffn_up:
    case Weight::expert_gate:
    case Weight::expert_up:
      return LayerKind::gate_up;
    case Weight::ffn_down:
    case Weight::expert_down:
      return LayerKind::down;
    case Weight::output:
      return LayerKind::output;
    case Weight::token_embedding:
      return LayerKind::embeddings;
    default:
      return std::nullopt;  // vectors, routers
  }
}

bool Treatment::calibrated() const {
  return (applies(*quantizer, *format) && quantizer->calibrated) ||
         (pruner && pruner->calibrated) || side_columns() > 0 || neurons > 0;
}

Policy::Policy() {
  for (const LayerKind kind : {LayerKind::embeddings, LayerKind::norms}) {
    kinds_[static_cast<std::size_t>(kind)].format = &kF32;
  }
}

const Treatment& Policy::at(LayerKind kind, int layer) const {
  const auto i = static_cast<std::size_t>(kind);
  const auto found = layers_[i].find(layer);
  return found == layers_[i].end() ? kinds_[i] : found->second;
}

void Policy::set(LayerKind kind, const Treatment& treatment) {
  kinds_[static_cast<std::size_t>(kind)] = treatment;
  layers_[static_cast<std::size_t>(kind)].clear();
}

void Policy::set(LayerKind kind, int layer, const Treatment& treatment) {
  const auto i = static_cast<std::size_t>(kind);
  if (treatment == kinds_[i]) {
    layers_[i].erase(layer);
  } else {
    layers_[i][layer] = treatment;
  }
}

std::vector<Treatment> Policy::treatments(LayerKind kind) const {
  const auto i = static_cast<std::size_t>(kind);
  std::vector<Treatment> all{kinds_[i]};
  for (const auto& [layer, treatment] : layers_[i]) {
    if (std::ranges::find(all, treatment) == all.end()) all.push_back(treatment);
  }
  return all;
}

std::vector<const WeightFormat*> Policy::formats() const {
  std::vector<const WeightFormat*> all;
  const auto add = [&](const WeightFormat* format) {
    if (std::ranges::find(all, format) == all.end()) all.push_back(format);
  };
  for (const LayerKind kind : kAllKinds) {
    for (const Treatment& treatment : treatments(kind)) {
      add(treatment.format);
      if (treatment.side_columns() > 0) add(&kBf16);
    }
  }
  return all;
}

bool Policy::any(bool (Treatment::*holds)() const) const {
  return std::ranges::any_of(kLayerKinds, [&](const LayerKindInfo& info) {
    return std::ranges::any_of(treatments(info.kind), holds);
  });
}
bool Policy::calibrated() const { return any(&Treatment::calibrated); }
bool Policy::propagates() const { return any(&Treatment::propagates); }

int Policy::last_layer() const {
  int last = -1;
  for (const auto& layers : layers_) {
    if (!layers.empty()) last = std::max(last, layers.rbegin()->first);
  }
  return last;
}

std::string to_text(const Policy& policy) {
  // Kinds by the widest group in which they agree; then those that are not as in Policy().
  std::string text;
  std::vector<LayerKind> said;
  const auto open = [&](LayerKind kind) { return std::ranges::find(said, kind) == said.end(); };
  // -1: a layer that no policy names, so the treatment of the kind.
  const auto base = [&](LayerKind kind) -> const Treatment& { return policy.at(kind, -1); };
  for (const LayerGroup& group : kLayerGroups) {
    const bool fits = std::ranges::all_of(group.kinds, [&](LayerKind kind) {
      return open(kind) && base(kind) == base(group.kinds.front());
    });
    if (!fits) continue;
    append(text, group.name, base(group.kinds.front()));
    said.insert(said.end(), group.kinds.begin(), group.kinds.end());
  }
  const Policy plain;
  for (const LayerKindInfo& info : kLayerKinds) {
    const bool preserved = info.kind == LayerKind::embeddings || info.kind == LayerKind::norms;
    if (!open(info.kind) || (preserved && base(info.kind) == plain.at(info.kind))) continue;
    append(text, info.name, base(info.kind));
  }
  for (const LayerKindInfo& info : kLayerKinds) {
    for (int layer = 0; layer <= policy.last_layer(); ++layer) {
      const Treatment& treatment = policy.at(info.kind, layer);
      if (treatment == base(info.kind)) continue;
      int last = layer;
      while (policy.at(info.kind, last + 1) == treatment) ++last;
      std::string left = std::string(info.name) + '@' + std::to_string(layer);
      if (last > layer) left += '-' + std::to_string(last);
      append(text, left, treatment);
      layer = last;
    }
  }
  return text;
}

Policy parse_policy(std::string_view text, const std::string& where) {
  Policy policy;
  do {
    assign(policy, take_until(text, ','), where);
  } while (!text.empty());
  return policy;
}

Policy uniform_policy(std::span<const LayerKind> open, const Treatment& linear,
                      const Treatment& output) {
  Policy policy;
  for (const LayerKind kind : open) {
    const Treatment& treatment = kind == LayerKind::output ? output : linear;
    if (kind != LayerKind::norms) policy.set(kind, treatment);  // they weigh next to nothing
  }
  return policy;
}

std::vector<Policy> uniform_policies(std::span<const LayerKind> open) {
  struct Step {
    std::string_view linear, output;
  };
  constexpr std::array kSteps{
      Step{"f32", "f32"},
      Step{"bf16", "bf16"},
      Step{"int8", "bf16"},
      Step{"int8_g32", "int8_g32"},
      Step{"int8", "int8"},
      Step{"q6_k", "int8"},
      Step{"int4_g32:gptq", "int8"},
      Step{"int4_g32", "int8"},
      Step{"q4_k", "q6_k"},
      Step{"int4_g64:gptq", "int8"},
      Step{"int4_g32:gptq", "int4_g32:gptq"},
      Step{"int4_g128:gptq", "int8"},
      Step{"int4_g128:hqq", "int8"},
      Step{"int4_g128", "int8"},
      Step{"int4_g64:gptq", "int4_g64:gptq"},
      Step{"int4_g128:gptq", "int4_g128:gptq"},
      Step{"int3_g32:gptq", "int8"},
      Step{"int3_g64:gptq", "int8"},
      Step{"int3_g64:gptq", "int4_g64:gptq"},
      Step{"int2_g32:gptq", "int8"},
  };
  std::vector<Policy> policies;
  for (const Step& step : kSteps) {
    const Policy policy = uniform_policy(open, parse_treatment(step.linear, "uniform_policies"),
                                         parse_treatment(step.output, "uniform_policies"));
    if (std::ranges::find(policies, policy) == policies.end()) policies.push_back(policy);
  }
  return policies;
}

}  // namespace paretune
