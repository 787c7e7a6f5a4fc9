// Grids of the formats whose groups' scales (and minima) are codes themselves, with a scale for
// each superblock: q4_k and q6_k.
#pragma once

#include <span>

#include "runtime/compression/grid_fit.h"

namespace paretune {

// Fills all of `out` but the codes, and the grid of each group that results. Each group's range is
// clipped, and its scale and minimum fitted by least squares to the codes, as far as that lowers
// the squared error; then they are rounded to the superblock's. row: (k). weights: (k), or empty
// for ones. out: as format.encode left it. grids: one per group.
void fit_superblocks(std::span<const float> row, std::span<const float> weights,
                     const WeightFormat& format, RowCodes& out, std::span<GroupGrid> grids);

}  // namespace paretune
