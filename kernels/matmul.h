// y = x · Wᵀ for packed weights: x (m, k) f32 row-major, W (n, k) packed, y (m, n) f32 row-major.
//
// In two steps, so that a caller with threads splits both and the thread count cannot change a sum:
//   prepare: casts rows of x to what the kernel reads (f32, bf16, or int8 with a scale per token)
//   run:     computes whole panels of 16 columns for some of the rows
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/isa.h"
#include "kernels/weight_format.h"

namespace paretune {

// Raised whenever a kernel or a packed layout changes: what was tuned before is then tuned again,
// and packed files are packed again.
inline constexpr int kKernelsVersion = 6;

// What the kernel multiplies the weights with; int8 is scaled per token, or all tokens alike
// (prepare_static).
enum class Activations { f32, bf16, int8 };

// How a kernel walks through a product. No choice changes a bit of the result; a kernel ignores
// what it has no use for.
struct Walk {
  int prefetch = 2048;     // bytes ahead in each stream of weights; 0: none
  int streams = 1;         // panels read side by side where m is small: 1, 2 or 4
  int depth_block = 1024;  // amx: k that all rows go through before the next k; a multiple of 256
  bool operator==(const Walk&) const = default;
};

struct MatmulVariant {
  std::string_view family;  // what a user chooses, one of kKernelFamilies
  const WeightFormat* weights;
  Activations activations;
  Isa needs;
  std::size_t (*prepared_bytes)(int m, int k);
  std::size_t (*row_bytes)(int k);  // from one prepared row to the next
  // Rows [row_begin, row_end) of x. prepared is aligned to 64 bytes and sized for all m rows.
  void (*prepare)(const float* x, int m, int k, int row_begin, int row_end, std::byte* prepared);
  // Writes y[i * ldy + j] for all i < m and j < w.n. Callers split a product by rows (prepared +
  // i * row_bytes, i a multiple of 16) and by columns (w.panels(begin, end)).
  void (*run)(const std::byte* prepared, int m, const PackedMatrix& w, const Walk& walk, float* y,
              std::size_t ldy);
  // prepare of int8 where every row is scaled by `reach`, the largest |x| expected, and what lies
  // beyond is clipped; nullptr: of other activations.
  void (*prepare_static)(const float* x, int k, int row_begin, int row_end, float reach,
                         std::byte* prepared) = nullptr;
};

// A row of y does not depend, to the bit, on m, on the other rows or on how panels are split;
// "openblas" and "onednn" alone may differ, for they choose their kernels by m. All variants with
// int8 activations agree to the bit. k ≤ 2^17.
//
// Every variant, in the order of preference within one (weights, activations); the scalar reference
// is last.
std::span<const MatmulVariant> matmul_variants();

// Families in the order of preference.
inline constexpr std::array<std::string_view, 7> kKernelFamilies{
    "amx", "vnni", "avx512", "avx2", "openblas", "onednn", "scalar"};

// The variant of `family` for these weights and activations or, where it has none that this CPU
// runs, the first runnable one of the families after it but scalar, or failing that the first of
// any: scalar serves those who ask for it and those who have nothing else (it always
// exists). Activations that make no sense for the weights are raised to the nearest that do, of
// int8 (needs integer weights), bf16 (needs bf16 weights) and f32 (always does): int8 for bf16
// weights becomes bf16. Throws std::runtime_error with the known families if `family` is none of
// them.
const MatmulVariant& resolve_matmul(std::string_view family, const WeightFormat& weights,
                                    Activations activations);

}  // namespace paretune
