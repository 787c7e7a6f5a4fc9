// What the kernel tuner found: the fastest plan for each product of a model on one machine
// (profiles/kernel_tuner). The config's kernel "tuned" asks it; without an entry the default plan
// of the best family serves.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/deploy_config.h"
#include "runtime/engine/matmul_plan.h"

namespace paretune {

struct KernelKey {
  const WeightFormat* weights = nullptr;
  Activations activations = Activations::f32;
  int n = 0, k = 0;  // of the packed matrix
  int m = 0;         // rows; the plan serves fewer, down to the next smaller entry's
  int threads = 1;
  bool operator==(const KernelKey&) const = default;
};

struct KernelChoice {
  KernelKey key;
  MatmulPlan plan;
  // Of one product, all threads active, the two timed in turns: the default's median, and that over
  // the median ratio of the pairs.
  double default_s = 0, tuned_s = 0;
  bool operator==(const KernelChoice&) const = default;
};

class KernelTable {
 public:
  KernelTable() = default;
  explicit KernelTable(std::vector<KernelChoice> choices) : choices_(std::move(choices)) {}

  std::span<const KernelChoice> choices() const& { return choices_; }
  std::span<const KernelChoice> choices() && = delete;  // they would dangle
  bool empty() const { return choices_.empty(); }
  bool has(const KernelKey& key) const;
  void add(const KernelChoice& choice) { choices_.push_back(choice); }

  // Plans for every m, or where nothing was tuned for this matrix the default plan. Entries of
  // another thread count serve where there are none for this one.
  MatmulPlans plans(const WeightFormat& weights, Activations activations, int n, int k,
                    int threads) const;

 private:
  std::vector<KernelChoice> choices_;
};

// The table without what this config never asks for; empty unless it has a "tuned" kernel.
KernelTable used_by(const KernelTable& table, const DeployConfig& config, const ModelShape& shape);

// The plan of an untuned runtime: the family's kernel, or the next best where the machine lacks it.
MatmulPlan default_plan(std::string_view family, const WeightFormat& weights,
                        Activations activations);

// {"weights", "activations", "n", "k", "m", "threads", "kernel", ...}; one object a choice.
std::string to_json(const KernelTable& table);
// Throws std::runtime_error "<where>…" naming the place, what was found and what is allowed.
// Choices whose kernel this CPU lacks are left out.
KernelTable kernel_table_from_json(std::string_view text, const std::string& where);

}  // namespace paretune
