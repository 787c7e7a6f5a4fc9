// The AMX loops on emulated tiles, on machines without AMX too. (matmul_test.cpp runs them on the
// real ones, if any.)
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/matmul_amx_jobs.h"
#include "kernels/matmul_kernels.h"
#include "tests/kernels/emulated_tiles.h"
#include "tests/kernels/random_floats.h"

namespace paretune {
namespace {

struct Kernel {
  const WeightFormat* weights;
  Activations activations;
  Run* run;
};
const Kernel kKernels[] = {
    {&kInt8, Activations::int8, amx::run<amx::Int8Job<EmulatedTiles>>},
    {&kInt8G32, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt8G32>, EmulatedTiles>>},
    {&kQ6K, Activations::int8, amx::run<amx::GroupedJob<GridOf<kQ6K>, EmulatedTiles>>},
    {&kInt3G32, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt3G32>, EmulatedTiles>>},
    {&kInt3G64, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt3G64>, EmulatedTiles>>},
    {&kInt3G128, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt3G128>, EmulatedTiles>>},
    {&kNf4G64, Activations::int8, amx::run<amx::GroupedJob<GridOf<kNf4G64>, EmulatedTiles>>},
    {&kNf3G64, Activations::int8, amx::run<amx::GroupedJob<GridOf<kNf3G64>, EmulatedTiles>>},
    {&kIq4Nl, Activations::int8, amx::run<amx::GroupedJob<GridOf<kIq4Nl>, EmulatedTiles>>},
    {&kInt2G32, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt2G32>, EmulatedTiles>>},
    {&kInt4G32, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt4G32>, EmulatedTiles>>},
    {&kInt4G64, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt4G64>, EmulatedTiles>>},
    {&kInt4G128, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt4G128>, EmulatedTiles>>},
    {&kInt4G256, Activations::int8, amx::run<amx::GroupedJob<GridOf<kInt4G256>, EmulatedTiles>>},
    {&kBf16, Activations::bf16, amx::run<amx::Bf16Job<EmulatedTiles>>},
};

class MatmulAmx : public testing::Test {
 protected:
  void SetUp() override {  // all but the tiles is AVX-512
    if (!cpu_has(Isa::avx512)) GTEST_SKIP() << "skipped: needs avx512";
  }
};

std::vector<float> multiply(Run* run, const MatmulVariant& v, std::span<const float> x, int m,
                            const PackedMatrix& w, int panel_begin, int panel_end,
                            const Walk& walk = {}) {
  GuardedBytes prepared(v.prepared_bytes(m, w.k));
  v.prepare(x.data(), m, w.k, 0, m, prepared.data());
  std::vector<float> y(std::size_t(m) * (w.n + 3), 777);
  if (panel_begin == panel_end) return y;
  run(prepared.data(), m, w.panels(panel_begin, panel_end), walk,
      y.data() + panel_begin * kPanelColumns, w.n + 3);
  EXPECT_TRUE(prepared.intact());
  return y;
}

struct Shape {
  int m, n, k;
};
constexpr Shape kShapes[] = {{1, 16, 64},   {1, 100, 300},  {3, 33, 65},    {7, 15, 192},
                             {15, 64, 576}, {16, 130, 640}, {17, 17, 1100}, {32, 48, 128},
                             {33, 50, 64},  {50, 70, 300},  {300, 40, 600}};

TEST_F(MatmulAmx, AgreesWithTheScalarReference) {
  for (const Kernel& kernel : kKernels) {
    for (const Shape& s : kShapes) {
      const auto x = random_floats(s.m * s.k, 1), weights = random_floats(s.n * s.k, 2);
      std::vector<std::byte> bytes(kernel.weights->packed_bytes(s.n, s.k) + 64);
      std::byte* aligned =
          bytes.data() + (64 - reinterpret_cast<std::uintptr_t>(bytes.data()) % 64);
      const std::span<std::byte> packed(aligned, bytes.size() - 64);
      kernel.weights->pack(weights, s.n, s.k, 0, s.n, packed);
      const PackedMatrix w{kernel.weights, s.n, s.k, packed};
      const MatmulVariant& scalar = resolve_matmul("scalar", *kernel.weights, kernel.activations);
      const int panels = (s.n + 15) / 16;
      const auto y = multiply(kernel.run, scalar, x, s.m, w, 0, panels);
      const auto right = multiply(scalar.run, scalar, x, s.m, w, 0, panels);
      if (kernel.activations == Activations::int8) {
        EXPECT_EQ(y, right) << kernel.weights->name << " m=" << s.m << " n=" << s.n << " k=" << s.k;
      } else {
        for (std::size_t i = 0; i < y.size(); ++i) {
          ASSERT_NEAR(y[i], right[i], 2 * s.k * (s.k + 8) * 0x1p-24)
              << s.m << " " << s.n << " " << s.k;
        }
      }
      for (const Walk& walk : {Walk{.depth_block = 256}, Walk{.prefetch = 0, .streams = 1},
                               Walk{.streams = 2, .depth_block = 512}}) {  // … from any walk
        EXPECT_EQ(multiply(kernel.run, scalar, x, s.m, w, 0, panels, walk), y)
            << kernel.weights->name << " m=" << s.m << " n=" << s.n << " k=" << s.k;
      }
      for (int split = 0; split < panels; split += 3) {  // the same bits from any split
        auto parts = multiply(kernel.run, scalar, x, s.m, w, 0, split);
        const auto rest = multiply(kernel.run, scalar, x, s.m, w, split, panels);
        for (std::size_t i = 0; i < parts.size(); ++i) {
          if (parts[i] == 777) parts[i] = rest[i];
        }
        EXPECT_EQ(parts, y) << kernel.weights->name << " split at " << split;
      }
    }
  }
}

TEST_F(MatmulAmx, ARowDoesNotDependOnTheOthers) {
  const int n = 70, k = 300;
  const auto x = random_floats(40 * k, 3), weights = random_floats(n * k, 4);
  for (const Kernel& kernel : kKernels) {
    GuardedBytes packed(kernel.weights->packed_bytes(n, k));
    kernel.weights->pack(weights, n, k, 0, n, {packed.data(), packed.size()});
    const PackedMatrix w{kernel.weights, n, k, {packed.data(), packed.size()}};
    const MatmulVariant& scalar = resolve_matmul("scalar", *kernel.weights, kernel.activations);
    for (int m : {2, 16, 17, 31, 40}) {
      const auto together = multiply(kernel.run, scalar, std::span(x).first(m * k), m, w, 0, 5);
      for (int i = 0; i < m; i += 5) {
        const auto alone = multiply(kernel.run, scalar, std::span(x).subspan(i * k, k), 1, w, 0, 5);
        EXPECT_EQ(std::memcmp(alone.data(), together.data() + i * (n + 3), n * sizeof(float)), 0)
            << kernel.weights->name << " m=" << m << " row " << i;
      }
    }
  }
}

}  // namespace
}  // namespace paretune
