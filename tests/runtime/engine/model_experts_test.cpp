#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "tests/runtime/engine/demo_model.h"
#include "tests/runtime/model/synthetic_model.h"

namespace paretune {
namespace {

using Row = std::vector<double>;

// The model by its definition, for sequences of one token: attention over one position is its
// value.
class Reference {
 public:
  explicit Reference(const ModelSource& source) : source_(source), s_(source.shape()) {}

  Row logits(int token) const {
    Row x = read(Weight::token_embedding, 0, token);
    for (int layer = 0; layer < s_.n_layers; ++layer) {
      const Row v = times(Weight::attn_v, layer, norm(x, Weight::attn_norm, layer));
      Row attention;
      for (int head = 0; head < s_.n_heads; ++head) {
        const int kv = head / (s_.n_heads / s_.n_kv_heads);
        attention.insert(attention.end(), v.begin() + kv * s_.head_dim,
                         v.begin() + (kv + 1) * s_.head_dim);
      }
      add(x, times(Weight::attn_output, layer, attention), 1);
      const Row m = norm(x, Weight::ffn_norm, layer);
      const Row router = times(Weight::ffn_router, layer, m);
      std::vector<int> order(static_cast<std::size_t>(s_.n_experts));
      std::iota(order.begin(), order.end(), 0);
      std::ranges::sort(order, std::greater<>(), [&](int e) { return router[std::size_t(e)]; });
      order.resize(static_cast<std::size_t>(s_.n_experts_used));
      double sum = 0;
      for (const int e : order) sum += std::exp(router[std::size_t(e)]);
      for (const int e : order) {
        const int instance = layer * s_.n_experts + e;
        Row hidden = times(Weight::expert_gate, instance, m);
        const Row up = times(Weight::expert_up, instance, m);
        for (std::size_t i = 0; i < up.size(); ++i) {
          hidden[i] = hidden[i] / (1 + std::exp(-hidden[i])) * up[i];
        }
        add(x, times(Weight::expert_down, instance, hidden),
            std::exp(router[std::size_t(e)]) / sum);
      }
    }
    return times(Weight::output, 0, norm(x, Weight::output_norm, 0));
  }

 private:
  Row read(Weight weight, int layer, int row) const {
    std::vector<float> values(static_cast<std::size_t>(source_.weight_shape(weight)[1]));
    source_.read_rows(weight, layer, row, row + 1, values);
    return {values.begin(), values.end()};
  }
  Row times(Weight weight, int layer, const Row& x) const {
    Row y;
    for (int row = 0; row < source_.weight_shape(weight)[0]; ++row) {
      const Row w = read(weight, layer, row);
      y.push_back(std::inner_product(w.begin(), w.end(), x.begin(), 0.0));
    }
    return y;
  }
  Row norm(const Row& x, Weight weight, int layer) const {
    const double square = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
    const double scale = 1 / std::sqrt(square / double(x.size()) + s_.rms_epsilon);
    Row y = read(weight, layer, 0);
    for (std::size_t i = 0; i < x.size(); ++i) y[i] *= x[i] * scale;
    return y;
  }
  static void add(Row& x, const Row& y, double weight) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += weight * y[i];
  }

  const ModelSource& source_;
  const ModelShape& s_;
};

TEST(ModelExpertsTest, LogitsAreThoseOfTheDefinition) {
  const SyntheticModel experts("tiny-moe");
  const Target target{this_machine(), experts.open()->shape()};
  ASSERT_EQ(target.model.n_experts, 4);
  DeployConfig config = exact_config(target);
  config.prefix_caching = false;
  const LoadedModel model = load_model(experts.open(), config);
  const Reference reference(*model.source);
  for (const int token : {3, 50, 120, 299}) {
    const std::vector<float> logits = last_logits(model, config, {token});
    const Row expected = reference.logits(token);
    double largest = 0, worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      largest = std::max(largest, std::abs(expected[i]));
      worst = std::max(worst, std::abs(expected[i] - double(logits[i])));
    }
    EXPECT_LT(worst, 1e-5 * largest) << token;
  }
}

// Rows meet the same kernels whoever shares their expert, and whatever the number of threads.
TEST(ModelExpertsTest, ARowDoesNotDependOnItsNeighboursOrThreads) {
  const SyntheticModel experts("tiny-moe");
  const Target target{this_machine(), experts.open()->shape()};
  std::vector<int> prompt;
  for (int i = 0; i < 40; ++i) prompt.push_back(3 + i * 7 % 290);
  for (const char* weights : {"f32", "int8", "int4_g32"}) {
    DeployConfig config = default_config(target);
    config.weights = parse_policy(std::string("all=") + weights, "test");
    config.activations.name = weights == std::string("f32") ? "f32" : "int8";
    config.prefix_caching = false;
    std::vector<float> expected;
    for (const int chunk : {64, 16, 1}) {
      for (const int threads : {1, 2}) {
        config.prefill_chunk = chunk;
        config.prefill_threads = config.decode_threads = std::min(threads, target.machine.cores);
        const LoadedModel model = load_model(experts.open(), config);
        const std::vector<float> logits = last_logits(model, config, prompt);
        if (expected.empty()) expected = logits;
        EXPECT_EQ(logits, expected) << weights << " chunk " << chunk << " threads " << threads;
      }
    }
  }
}

}  // namespace
}  // namespace paretune
