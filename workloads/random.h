// Draws that are the same on every machine: the engine (mt19937_64) is specified to the bit, std
// distributions are not, so every law inverts one uniform draw. One uniform per length means that
// requests keep their lengths when another part of the workload changes (common random numbers).
#pragma once

#include <cstdint>
#include <random>

namespace paretune {

using RandomEngine = std::mt19937_64;

// In [0, 1), 53 bits.
inline double uniform01(RandomEngine& rng) { return double(rng() >> 11) * 0x1p-53; }

// A seed for stream `stream` of `seed`, as unrelated to its neighbours as SplitMix64's finalizer
// makes it (Steele et al., OOPSLA 2014). Nests: derive_seed(derive_seed(seed, a), b).
std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t stream);

// The standard normal's quantile for p in (0, 1): Wichura's AS 241 (PPND16), relative error about
// 1e-16.
double normal_quantile(double p);

// Gamma(shape, scale 1), shape > 0: Marsaglia and Tsang (ACM TOMS 26(3), 2000), with U^(1/shape)
// below shape 1.
double gamma_draw(double shape, RandomEngine& rng);

}  // namespace paretune
