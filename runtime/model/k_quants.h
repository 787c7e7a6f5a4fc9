// What ggml's superblocks hold, number by number (k_quants.cpp says how they lie).
#pragma once

#include <cstddef>

namespace paretune {

struct KScale {
  int scale, minimum;
};

// Of sub-block j of Q4_K and Q5_K; packed: its 12 bytes of scales.
KScale k_scale(int j, const std::byte* packed);

// Code v (0 … 255) of a Q6_K superblock: 0 … 63.
int q6_k_code(const std::byte* block, int v);

}  // namespace paretune
