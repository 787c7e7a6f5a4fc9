#include "runtime/compression/quantizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "runtime/compression/grid_fit.h"

namespace paretune {
namespace {

std::vector<const WeightFormat*> grid_formats() {
  std::vector<const WeightFormat*> formats;
  for (const WeightFormat* format : kWeightFormats) {
    if (has_grid(*format)) formats.push_back(format);
  }
  return formats;
}

std::vector<float> weights(int rows, int k, unsigned seed) {
  std::mt19937_64 rng(seed);
  std::normal_distribution<float> normal(0, 0.02f);
  std::vector<float> values(static_cast<std::size_t>(rows * k));
  for (float& v : values) v = normal(rng);
  for (std::size_t i = 0; i < values.size(); i += 97) values[i] *= 5;  // outliers
  return values;
}

// What code i stands for, in scales of its group g.
int steps(const WeightFormat& format, const RowCodes& codes, std::size_t i, std::size_t g) {
  if (!format.levels.empty()) return format.levels[codes.codes[i]] - 128;
  return codes.codes[i] - (format.zeros ? codes.zeros[g] : 1 << (format.bits - 1));
}

// Inputs that depend on each other and differ in size, as real ones do.
struct Inputs {
  explicit Inputs(int k) : k(k), moments(static_cast<std::size_t>(k * k)) {
    std::mt19937_64 rng(7);
    std::normal_distribution<float> normal;
    const auto n = static_cast<std::size_t>(k);
    std::vector<float> x(n);
    for (int t = 0; t < 4 * k; ++t) {
      const float common = normal(rng);
      for (std::size_t i = 0; i < n; ++i) {
        x[i] = (normal(rng) + 2 * common) * (i % 16 == 0 ? 6.0f : 1.0f);
      }
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) moments[i * n + j] += x[i] * x[j] / float(4 * k);
      }
    }
    for (std::size_t i = 0; i < n; ++i) squares.push_back(moments[i * n + i]);
  }
  InputStatistics statistics() const {
    return {.k = k, .second_moments = moments, .mean_squares = squares};
  }
  // Mean of ((w - rounded w) · x)² over the inputs.
  double output_error(std::span<const float> w, const RowCodes& codes,
                      const WeightFormat& format) const {
    const auto n = static_cast<std::size_t>(k);
    std::vector<double> error(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t g = i / group_size(format, static_cast<std::size_t>(k));
      error[i] = double(w[i]) - double(codes.scales[g]) * steps(format, codes, i, g);
    }
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) sum += error[i] * moments[i * n + j] * error[j];
    }
    return sum;
  }
  int k;
  std::vector<float> moments, squares;
};

double total_error(std::string_view name, const WeightFormat& format, const Inputs& inputs) {
  constexpr int kRows = 24;
  const std::vector<float> w = weights(kRows, inputs.k, 3);
  const InputStatistics statistics = inputs.statistics();
  std::vector<RowCodes> codes(kRows);
  const auto method = std::ranges::find(kQuantizers, name, &Quantizer::name);
  method->make(format, &statistics)->quantize(w, inputs.k, codes);
  double sum = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto n = static_cast<std::size_t>(inputs.k);
    sum += inputs.output_error(std::span(w).subspan(i * n, n), codes[i], format);
  }
  return sum;
}

TEST(Quantizer, GptqLosesLeastOfTheOutputs) {
  const Inputs inputs(192);
  for (const WeightFormat* format : grid_formats()) {
    const double nearest = total_error("nearest", *format, inputs);
    const double weighted = total_error("clip_weighted", *format, inputs);
    const double gptq = total_error("gptq", *format, inputs);
    EXPECT_LE(weighted, nearest * 1.25) << format->name;  // it knows the diagonal only
    EXPECT_LT(gptq, 0.6 * weighted) << format->name;
  }
}

TEST(Quantizer, QuantEaseLosesLessOfTheOutputsThanGptq) {
  const Inputs inputs(192);
  for (const WeightFormat* format : grid_formats()) {
    EXPECT_LT(total_error("quantease", *format, inputs), total_error("gptq", *format, inputs))
        << format->name;
  }
}

TEST(Quantizer, ClipNeverLosesMoreSquaresThanNearest) {
  const std::vector<float> values = weights(1, 128, 5);
  for (const WeightFormat* format : grid_formats()) {
    const std::size_t group = group_size(*format, values.size());
    for (std::size_t begin = 0; begin < values.size(); begin += group) {
      const auto part = std::span(values).subspan(begin, std::min(group, values.size() - begin));
      const auto [low, high] = std::ranges::minmax(part);
      const GroupGrid nearest = grid_between(std::min(low, 0.0f), std::max(high, 0.0f), *format);
      EXPECT_LE(grid_error(fit_grid(part, {}, *format), part, {}), grid_error(nearest, part, {}))
          << format->name;
    }
  }
}

TEST(Quantizer, RowsDoNotDependOnEachOther) {
  const Inputs inputs(160);
  const std::vector<float> w = weights(40, 160, 9);
  const InputStatistics statistics = inputs.statistics();
  for (const Quantizer& method : kQuantizers) {
    const auto quantizer = method.make(kInt4G64, &statistics);
    std::vector<RowCodes> together(40), alone(1);
    quantizer->quantize(w, 160, together);
    for (const std::size_t row : {0u, 17u, 39u}) {
      quantizer->quantize(std::span(w).subspan(row * 160, 160), 160, alone);
      EXPECT_EQ(alone[0].codes, together[row].codes) << method.name << " " << row;
      EXPECT_EQ(alone[0].scales, together[row].scales) << method.name << " " << row;
      EXPECT_EQ(alone[0].zeros, together[row].zeros) << method.name << " " << row;
    }
  }
}

// What codes stand for once packed is what the method meant.
TEST(Quantizer, PackedRowsHoldTheCodes) {
  const std::vector<float> w = weights(20, 200, 11);
  for (const WeightFormat* format : grid_formats()) {
    std::vector<RowCodes> codes(20);
    make_clip(*format, nullptr)->quantize(w, 200, codes);
    std::vector<std::byte> packed(format->packed_bytes(20, 200));
    format->pack_codes(codes, 20, 200, 0, 20, packed);
    std::vector<float> row(200);
    for (int r = 0; r < 20; ++r) {
      format->unpack_row(packed, 20, 200, r, row);
      for (std::size_t i = 0; i < row.size(); ++i) {
        const RowCodes& c = codes[static_cast<std::size_t>(r)];
        const std::size_t g = i / group_size(*format, 200);
        ASSERT_EQ(row[i], c.scales[g] * float(steps(*format, c, i, g))) << format->name;
      }
    }
  }
}

TEST(Quantizer, BrokenWeightsAndMomentsAreSurvived) {
  std::vector<float> w(64, 0.0f);
  w[3] = NAN;
  w[9] = INFINITY;
  InputStatistics none{.k = 64};
  std::vector<float> zero_squares(64), zero_moments(64 * 64);
  InputStatistics silent{.k = 64, .second_moments = zero_moments, .mean_squares = zero_squares};
  for (const Quantizer& method : kQuantizers) {
    for (const InputStatistics* statistics : {&none, &silent}) {
      std::vector<RowCodes> codes(1);
      method.make(kInt4G32, statistics == &none ? nullptr : statistics)->quantize(w, 64, codes);
      for (const std::uint8_t code : codes[0].codes) EXPECT_LE(code, 15) << method.name;
    }
  }
}

}  // namespace
}  // namespace paretune
