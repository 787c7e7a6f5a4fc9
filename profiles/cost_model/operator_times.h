// What the operators of a step take on this machine, each measured alone: the points that the cost
// model's roofline goes through.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/attention.h"
#include "runtime/engine/matmul_plan.h"

namespace paretune {

// Rows at which products are timed. The first five are enough for a rough table.
inline constexpr std::array kTimedRows{1, 4, 16, 64, 256, 2, 8, 32, 128, 512};
inline constexpr std::size_t kRoughRows = 5;

// One kind of product: the same weights' shape and format, carried out in the same way.
struct ProductKey {
  const WeightFormat* weights = nullptr;
  MatmulPlan plan;
  int n = 0, k = 0;
  int threads = 1;
  bool operator==(const ProductKey&) const = default;
};
struct ProductKeyHash {
  std::size_t operator()(const ProductKey& key) const noexcept;
};

// Seconds of one layer on one thread, all heads: linear in what a kernel goes through.
struct AttentionTime {
  double single_row = 0, single_context = 0;  // of sequences with one token in the step
  double chunk_row = 0, chunk_pair = 0;       // of the others
};

class OperatorTimes {
 public:
  void add(const ProductKey& key, int m, double seconds);
  bool has(const ProductKey& key, int m) const;
  std::size_t points() const;
  void for_each_product(
      const std::function<void(const ProductKey&, int m, double seconds)>& visit) const;

  // Seconds of one product of m rows. Between timed rows linear; below the first as that one, which
  // reads the same weights; beyond the last proportional to m; never less for more rows. A product
  // that was not timed takes what the nearest one takes, for its share of weights: best the same
  // kernel's, then the same family's, then any. 0 where nothing was timed.
  double product(const WeightFormat& weights, const MatmulPlans& plans, int n, int k, int threads,
                 int m) const;

  // Seconds per row of casting k inputs to what the kernel reads; where not timed, those of the
  // nearest k. One thread.
  std::map<std::pair<const MatmulVariant*, int>, double> prepare_row;
  double prepare(const MatmulVariant& variant, int k) const;

  std::map<const AttentionVariant*, AttentionTime> attention;
  std::map<const KvFormat*, double> store_row;  // one token's keys and values of one layer

 private:
  using Curve = std::map<int, double>;  // by rows
  const Curve* find(const ProductKey& key) const;

  std::unordered_map<ProductKey, Curve, ProductKeyHash> curves_;
};

}  // namespace paretune
