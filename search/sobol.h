// Sobol's low-discrepancy sequence in base 2: among the first 2^k points, every dimension's 2^k
// equal intervals hold one point each. Direction numbers: new-joe-kuo-6 of Joe and Kuo 2008
// (doi:10.1137/070709359), 53 dimensions.
//
// A digital shift by the seed (XOR of every point with one random point) keeps that property and
// moves the first point away from the corner.
#pragma once

#include <cstddef>
#include <cstdint>

#include "search/space.h"

namespace paretune {

inline constexpr std::size_t kSobolDimensions = 53;

// Coordinate of the index-th point as a binary fraction of 2^32, unshifted. Points come in the
// plain order, not the Gray-code order: the first 2^k are the same set. dimension <
// kSobolDimensions.
std::uint32_t sobol(std::uint32_t index, std::size_t dimension);

// The index-th shifted point, in choices. Dimensions past the table are drawn at random instead.
Point sobol_point(const Space& space, std::uint32_t index, std::uint64_t seed);

}  // namespace paretune
