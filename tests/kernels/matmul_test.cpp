// Every matmul variant that this CPU runs against float64 sums over the values it claims to
// multiply.
#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

struct Shape {
  int m, n, k;
};

// Around the widths of vectors, panels, tiles, groups and blocks of rows.
constexpr Shape kShapes[] = {{1, 1, 1},     {1, 15, 63},   {1, 16, 64},  {2, 17, 65},
                             {3, 33, 192},  {4, 64, 128},  {5, 80, 300}, {7, 33, 300},
                             {8, 100, 192}, {9, 16, 256},  {12, 31, 65}, {13, 48, 640},
                             {16, 70, 64},  {17, 40, 129}, {33, 33, 65}, {33, 130, 300}};

class PackedWeights {
 public:
  PackedWeights(const WeightFormat& format, int n, int k, std::span<const float> w)
      : bytes_(format.packed_bytes(n, k)),
        matrix_{&format, n, k, std::span<const std::byte>(bytes_.data(), bytes_.size())} {
    format.pack(w, n, k, 0, n, {bytes_.data(), bytes_.size()});
  }
  const PackedMatrix& matrix() const { return matrix_; }
  std::vector<float> row(int j) const {
    std::vector<float> values(matrix_.k);
    matrix_.format->unpack_row(matrix_.data, matrix_.n, matrix_.k, j, values);
    return values;
  }

 private:
  GuardedBytes bytes_;
  PackedMatrix matrix_;
};

std::string name_of(const MatmulVariant& v) {
  constexpr const char* kActivations[] = {"f32", "bf16", "int8"};
  return std::string(v.family) + " " + std::string(v.weights->name) + " x " +
         kActivations[static_cast<int>(v.activations)];
}

// The rows of the catalog that run here; names the others.
std::vector<const MatmulVariant*> runnable() {
  std::vector<const MatmulVariant*> rows;
  for (const MatmulVariant& v : matmul_variants()) {
    if (cpu_has(v.needs)) {
      rows.push_back(&v);
    } else {
      std::printf("skipped: %s needs %s\n", name_of(v).c_str(),
                  std::string(isa_name(v.needs)).c_str());
    }
  }
  return rows;
}

std::vector<float> multiply(const MatmulVariant& v, std::span<const float> x, int m,
                            const PackedMatrix& w, const Walk& walk = {}) {
  GuardedBytes prepared(v.prepared_bytes(m, w.k));
  v.prepare(x.data(), m, w.k, 0, m, prepared.data());
  EXPECT_TRUE(prepared.intact()) << name_of(v);
  std::vector<float> y(std::size_t(m) * w.n, NAN);
  v.run(prepared.data(), m, w, walk, y.data(), w.n);
  return y;
}

// What the kernel multiplies the weights with.
std::vector<float> rounded(std::span<const float> x, int k, Activations activations) {
  std::vector<float> r(x.begin(), x.end());
  for (std::size_t row = 0; row < r.size(); row += k) {
    const std::span<float> a(r.data() + row, k);
    if (activations == Activations::bf16) {
      GuardedBytes packed(kBf16.packed_bytes(1, k));
      kBf16.pack(a, 1, k, 0, 1, {packed.data(), packed.size()});
      kBf16.unpack_row({packed.data(), packed.size()}, 1, k, 0, a);
    } else if (activations == Activations::int8) {
      float largest = 0;
      for (float v : a) largest = std::max(largest, std::fabs(v));
      for (float& v : a)
        v = largest > 0 ? std::nearbyint(v * (127 / largest)) * (largest / 127) : 0;
    }
  }
  return r;
}

void expect_right(const MatmulVariant& v, const Shape& s, std::span<const float> x,
                  const PackedWeights& w, std::span<const float> y) {
  const std::vector<float> a = rounded(x, s.k, v.activations);
  for (int j = 0; j < s.n; ++j) {
    const std::vector<float> weights = w.row(j);
    for (int i = 0; i < s.m; ++i) {
      double sum = 0, norm = 0;
      for (int l = 0; l < s.k; ++l) {
        const double product = double(a[i * s.k + l]) * weights[l];
        sum += product;
        norm += std::fabs(product);
      }
      // Each of k additions and a few scalings rounds by 2^-24 of something no larger than the sum
      // of magnitudes.
      const double tolerance = norm * (s.k + 8) * 0x1p-24 + 1e-30;
      ASSERT_NEAR(y[i * s.n + j], sum, tolerance)
          << name_of(v) << " m=" << s.m << " n=" << s.n << " k=" << s.k << " row " << i
          << " column " << j;
    }
  }
}

TEST(Matmul, EveryVariantAgreesWithFloat64) {
  for (const MatmulVariant* v : runnable()) {
    for (const Shape& s : kShapes) {
      const auto x = random_floats(std::size_t(s.m) * s.k, 1),
                 weights = random_floats(std::size_t(s.n) * s.k, 2);
      const PackedWeights w(*v->weights, s.n, s.k, weights);
      expect_right(*v, s, x, w, multiply(*v, x, s.m, w.matrix()));
    }
  }
}

// The largest codes everywhere: where 16-bit sums of bytes would saturate.
TEST(Matmul, DoesNotSaturate) {
  for (const Shape& s : {Shape{1, 17, 300}, Shape{9, 33, 640}}) {
    std::vector<float> x(std::size_t(s.m) * s.k), weights(std::size_t(s.n) * s.k);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i / s.k % 2 ? -1.0f : 1.0f;
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = i / s.k % 3 ? -1.0f : 1.0f;
    for (const MatmulVariant* v : runnable()) {
      const PackedWeights w(*v->weights, s.n, s.k, weights);
      expect_right(*v, s, x, w, multiply(*v, x, s.m, w.matrix()));
    }
  }
}

TEST(Matmul, ARowDoesNotDependOnTheOthers) {
  for (const MatmulVariant* v : runnable()) {
    if (v->family == "openblas" || v->family == "onednn") continue;  // may choose its kernel by m
    const int n = 70, k = 300;
    const auto x = random_floats(40 * k, 3), weights = random_floats(n * k, 4);
    const PackedWeights w(*v->weights, n, k, weights);
    for (int m : {1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 33, 40}) {
      const std::vector<float> together = multiply(*v, std::span(x).first(m * k), m, w.matrix());
      for (int i = 0; i < m; ++i) {
        const std::vector<float> alone =
            multiply(*v, std::span(x).subspan(i * k, k), 1, w.matrix());
        ASSERT_EQ(std::memcmp(alone.data(), together.data() + i * n, n * sizeof(float)), 0)
            << name_of(*v) << " m=" << m << " row " << i;
      }
    }
  }
}

TEST(Matmul, SplittingRowsAndPanelsChangesNothing) {
  const int n = 150, k = 192, panels = (n + 15) / 16;  // 10, the last one partial
  for (const MatmulVariant* v : runnable()) {
    if (v->family == "openblas" || v->family == "onednn") continue;
    for (int m : {1, 3, 20}) {
      const auto x = random_floats(m * k, 5), weights = random_floats(n * k, 6);
      const PackedWeights w(*v->weights, n, k, weights);
      const std::vector<float> whole = multiply(*v, x, m, w.matrix());
      GuardedBytes prepared(v->prepared_bytes(m, k));
      for (int i = 0; i < m; ++i) v->prepare(x.data(), m, k, i, i + 1, prepared.data());
      const int ldy = n + 5;
      std::vector<float> y(std::size_t(m) * ldy, 777);
      for (int split : {0, 1, 3, 4, 9}) {
        std::fill(y.begin(), y.end(), 777.0f);
        v->run(prepared.data(), m, w.matrix().panels(0, split), {}, y.data(), ldy);
        for (int i = 0; i < m; ++i) {
          for (int j = split * 16; j < ldy; ++j) ASSERT_EQ(y[i * ldy + j], 777) << name_of(*v);
        }
        v->run(prepared.data(), m, w.matrix().panels(split, panels), {}, y.data() + split * 16,
               ldy);
        for (int i = 0; i < m; ++i) {
          ASSERT_EQ(std::memcmp(y.data() + i * ldy, whole.data() + i * n, n * sizeof(float)), 0)
              << name_of(*v) << " m=" << m << " split at " << split;
          for (int j = n; j < ldy; ++j) ASSERT_EQ(y[i * ldy + j], 777) << name_of(*v);
        }
      }
    }
  }
}

// As dynamic where a row's largest number is the reach; elsewhere the scalar reference decides.
TEST(Matmul, StaticScalesOfInt8) {
  const int m = 5, n = 50, k = 192;
  auto x = random_floats(m * k, 5);
  constexpr float kReach = 0.6f;
  for (float& v : std::span(x).first(k)) v = std::clamp(v, -kReach, kReach);
  x[3] = kReach;
  const auto weights = random_floats(n * k, 6);
  for (const MatmulVariant* v : runnable()) {
    EXPECT_EQ(v->prepare_static != nullptr, v->activations == Activations::int8) << name_of(*v);
    if (!v->prepare_static) continue;
    const PackedWeights w(*v->weights, n, k, weights);
    const auto product = [&](const MatmulVariant& variant) {
      GuardedBytes prepared(variant.prepared_bytes(m, k));
      variant.prepare_static(x.data(), k, 0, m, kReach, prepared.data());
      std::vector<float> y(std::size_t(m) * n);
      variant.run(prepared.data(), m, w.matrix(), {}, y.data(), n);
      return y;
    };
    const std::vector<float> y = product(*v), dynamic = multiply(*v, x, m, w.matrix());
    EXPECT_EQ(y, product(resolve_matmul("scalar", *v->weights, Activations::int8)));
    EXPECT_TRUE(std::equal(y.begin(), y.begin() + n, dynamic.begin())) << name_of(*v);
    EXPECT_NE(y, dynamic) << name_of(*v);
  }
}

TEST(Matmul, BlocksOfRowsChangeNothing) {
  const int m = 40, n = 50, k = 192;
  const auto x = random_floats(m * k, 5), weights = random_floats(n * k, 6);
  for (const MatmulVariant* v : runnable()) {
    if (v->family == "openblas" || v->family == "onednn") continue;
    const PackedWeights w(*v->weights, n, k, weights);
    const std::vector<float> whole = multiply(*v, x, m, w.matrix());
    GuardedBytes prepared(v->prepared_bytes(m, k));
    v->prepare(x.data(), m, k, 0, m, prepared.data());
    std::vector<float> y(whole.size(), 777);
    for (int row = 0; row < m; row += 16) {
      v->run(prepared.data() + row * v->row_bytes(k), std::min(16, m - row), w.matrix(), {},
             y.data() + row * n, n);
    }
    EXPECT_EQ(std::memcmp(y.data(), whole.data(), y.size() * sizeof(float)), 0) << name_of(*v);
  }
}

TEST(Matmul, TheWalkChangesNothing) {
  const int n = 150, k = 300;
  for (const MatmulVariant* v : runnable()) {
    for (int m : {1, 4, 7, 33}) {
      const auto x = random_floats(m * k, 5), weights = random_floats(n * k, 6);
      const PackedWeights w(*v->weights, n, k, weights);
      const std::vector<float> y = multiply(*v, x, m, w.matrix());
      for (const Walk& walk :
           {Walk{.prefetch = 0}, Walk{.prefetch = 4096}, Walk{.streams = 1}, Walk{.streams = 2},
            Walk{.depth_block = 256}, Walk{.depth_block = 2048}}) {
        EXPECT_EQ(multiply(*v, x, m, w.matrix(), walk), y) << name_of(*v) << " m=" << m;
      }
    }
  }
}

TEST(Matmul, Int8VariantsAgreeToTheBit) {
  const int m = 9, n = 50, k = 300;
  const auto x = random_floats(m * k, 7), weights = random_floats(n * k, 8);
  for (const MatmulVariant* v : runnable()) {
    if (v->activations != Activations::int8) continue;
    const PackedWeights w(*v->weights, n, k, weights);
    const MatmulVariant& scalar = resolve_matmul("scalar", *v->weights, Activations::int8);
    ASSERT_EQ(scalar.family, "scalar");
    EXPECT_EQ(multiply(*v, x, m, w.matrix()), multiply(scalar, x, m, w.matrix())) << name_of(*v);
  }
}

TEST(Matmul, ZeroAndTinyActivations) {
  const int n = 16, k = 64;
  const auto weights = random_floats(n * k, 9);
  for (const MatmulVariant* v : runnable()) {
    const PackedWeights w(*v->weights, n, k, weights);
    for (float value : {0.0f, 1e-42f}) {
      for (float y : multiply(*v, std::vector<float>(k, value), 1, w.matrix())) {
        EXPECT_NEAR(y, 0, 1e-36) << name_of(*v);
      }
    }
  }
}

TEST(Matmul, EveryWeightFormatHasAScalarVariant) {
  for (const WeightFormat* w : kWeightFormats) {
    EXPECT_EQ(resolve_matmul("scalar", *w, Activations::f32).family, "scalar");
    EXPECT_EQ(resolve_matmul("scalar", *w, Activations::f32).weights, w);
  }
}

TEST(ResolveMatmul, RaisesActivationsThatMakeNoSense) {
  EXPECT_EQ(resolve_matmul("scalar", kF32, Activations::int8).activations, Activations::f32);
  EXPECT_EQ(resolve_matmul("scalar", kF32, Activations::bf16).activations, Activations::f32);
  EXPECT_EQ(resolve_matmul("scalar", kBf16, Activations::int8).activations, Activations::bf16);
  EXPECT_EQ(resolve_matmul("scalar", kInt8, Activations::bf16).activations, Activations::f32);
  EXPECT_EQ(resolve_matmul("scalar", kInt4G32, Activations::int8).activations, Activations::int8);
}

TEST(ResolveMatmul, FallsToTheNextFamilyThatRuns) {
  for (std::string_view family : kKernelFamilies) {
    const auto wanted = std::ranges::find(kKernelFamilies, family);
    for (const WeightFormat* w : kWeightFormats) {
      for (Activations a : {Activations::f32, Activations::bf16, Activations::int8}) {
        const MatmulVariant& v = resolve_matmul(family, *w, a);
        EXPECT_TRUE(cpu_has(v.needs));
        if (&v == &resolve_matmul(kKernelFamilies.front(), *w, a)) continue;  // the first of any
        EXPECT_GE(std::ranges::find(kKernelFamilies, v.family), wanted);
        EXPECT_TRUE(v.family != "scalar" || family == "scalar");
      }
    }
  }
  EXPECT_EQ(resolve_matmul("openblas", kF32, Activations::f32).family, "openblas");
  EXPECT_EQ(&resolve_matmul("openblas", kInt8, Activations::f32),
            &resolve_matmul("amx", kInt8, Activations::f32));
}

// What resolve_matmul() relies on.
TEST(Matmul, RowsOfTheCatalogAreInTheOrderOfFamilies) {
  for (const MatmulVariant& a : matmul_variants()) {
    for (const MatmulVariant& b : matmul_variants()) {
      if (&a < &b && a.weights == b.weights && a.activations == b.activations) {
        EXPECT_LT(std::ranges::find(kKernelFamilies, a.family),
                  std::ranges::find(kKernelFamilies, b.family));
      }
    }
  }
}

TEST(ResolveMatmul, RefusesUnknownFamilies) {
  try {
    resolve_matmul("cuda", kF32, Activations::f32);
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_NE(
        std::string(e.what()).find("known: amx, vnni, avx512, avx2, openblas, onednn, scalar"),
        std::string::npos)
        << e.what();
  }
}

}  // namespace
}  // namespace paretune
