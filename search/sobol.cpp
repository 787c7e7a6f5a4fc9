#include "search/sobol.h"

#include <array>
#include <bit>
#include <cassert>

#include "search/rng.h"

namespace paretune {
namespace {

// A primitive polynomial over GF(2), its highest power in the highest bit, and the first direction
// numbers.
struct Generator {
  std::uint32_t polynomial;
  std::array<std::uint32_t, 8> m;
};

// Dimension 0 has no polynomial: its numbers are the powers of two.
constexpr std::array<Generator, kSobolDimensions - 1> kGenerators{{
    // clang-format off
    {3, {1}},
    {7, {1, 3}},
    {11, {1, 3, 1}},
    {13, {1, 1, 1}},
    {19, {1, 1, 3, 3}},
    {25, {1, 3, 5, 13}},
    {37, {1, 1, 5, 5, 17}},
    {41, {1, 1, 5, 5, 5}},
    {47, {1, 1, 7, 11, 19}},
    {55, {1, 1, 5, 1, 1}},
    {59, {1, 1, 1, 3, 11}},
    {61, {1, 3, 5, 5, 31}},
    {67, {1, 3, 3, 9, 7, 49}},
    {91, {1, 1, 1, 15, 21, 21}},
    {97, {1, 3, 1, 13, 27, 49}},
    {103, {1, 1, 1, 15, 7, 5}},
    {109, {1, 3, 1, 15, 13, 25}},
    {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}},
    {137, {1, 3, 7, 13, 13, 15, 69}},
    {143, {1, 1, 3, 13, 7, 35, 63}},
    {145, {1, 3, 5, 9, 1, 25, 53}},
    {157, {1, 3, 1, 13, 9, 35, 107}},
    {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}},
    {185, {1, 3, 5, 3, 3, 13, 69}},
    {191, {1, 1, 7, 13, 1, 19, 1}},
    {193, {1, 3, 7, 5, 13, 19, 59}},
    {203, {1, 1, 3, 9, 25, 29, 41}},
    {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}},
    {229, {1, 3, 1, 3, 5, 53, 69}},
    {239, {1, 1, 5, 5, 23, 33, 13}},
    {241, {1, 1, 7, 7, 1, 61, 123}},
    {247, {1, 1, 7, 9, 13, 61, 49}},
    {253, {1, 3, 3, 5, 3, 55, 33}},
    {285, {1, 3, 1, 15, 31, 13, 49, 245}},
    {299, {1, 3, 5, 15, 31, 59, 63, 97}},
    {301, {1, 3, 1, 11, 11, 11, 77, 249}},
    {333, {1, 3, 1, 11, 27, 43, 71, 9}},
    {351, {1, 1, 7, 15, 21, 11, 81, 45}},
    {355, {1, 3, 7, 3, 25, 31, 65, 79}},
    {357, {1, 3, 1, 1, 19, 11, 3, 205}},
    {361, {1, 1, 5, 9, 19, 21, 29, 157}},
    {369, {1, 3, 7, 11, 1, 33, 89, 185}},
    {391, {1, 3, 3, 3, 15, 9, 79, 71}},
    {397, {1, 3, 7, 11, 15, 39, 119, 27}},
    {425, {1, 1, 3, 1, 11, 31, 97, 225}},
    {451, {1, 1, 1, 3, 23, 43, 57, 177}},
    {463, {1, 3, 7, 7, 17, 17, 37, 71}},
    {487, {1, 3, 1, 5, 27, 63, 123, 213}},
    {501, {1, 1, 3, 5, 11, 43, 53, 133}},
    // clang-format on
}};

using Directions = std::array<std::uint32_t, 32>;

constexpr Directions directions_of(std::size_t dimension) {
  Directions v{};
  if (dimension == 0) {
    for (int k = 0; k < 32; ++k) v[k] = 1u << (31 - k);
    return v;
  }
  const Generator& generator = kGenerators[dimension - 1];
  const int degree = std::bit_width(generator.polynomial) - 1;
  for (int k = 0; k < degree; ++k) v[k] = generator.m[k] << (31 - k);
  for (int k = degree; k < 32; ++k) {
    v[k] = v[k - degree] ^ (v[k - degree] >> degree);
    for (int i = 1; i < degree; ++i) {
      if (generator.polynomial >> (degree - i) & 1) v[k] ^= v[k - i];
    }
  }
  return v;
}

constexpr auto kDirections = [] {
  std::array<Directions, kSobolDimensions> all{};
  for (std::size_t d = 0; d < kSobolDimensions; ++d) all[d] = directions_of(d);
  return all;
}();

constexpr std::uint64_t kShift = 0x50b01, kBeyond = 0x50b02;  // keys of the two draws

}  // namespace

std::uint32_t sobol(std::uint32_t index, std::size_t dimension) {
  assert(dimension < kSobolDimensions);
  std::uint32_t x = 0;
  for (int bit = 0; index != 0; ++bit, index >>= 1) {
    if (index & 1) x ^= kDirections[dimension][bit];
  }
  return x;
}

Point sobol_point(const Space& space, std::uint32_t index, std::uint64_t seed) {
  Point point(space.n_choices.size());
  for (std::size_t d = 0; d < point.size(); ++d) {
    std::uint64_t x = 0;
    if (d < kSobolDimensions) {
      x = sobol(index, d) ^ std::uint32_t(Rng{seed, kShift, d}() >> 32);
    } else {
      x = Rng{seed, kBeyond, d, index}() >> 32;
    }
    point[d] = int(x * std::uint64_t(space.n_choices[d]) >> 32);
  }
  return point;
}

}  // namespace paretune
