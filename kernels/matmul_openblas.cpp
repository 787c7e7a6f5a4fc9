// f32 by OpenBLAS: the library's own dispatch and blocking, on 16 panels at a time. Worth having
// for large m only. It chooses its kernel by m, so a row's result may depend on m, unlike in every
// other variant.
#include <cblas.h>

#include <algorithm>
#include <vector>

#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"

namespace paretune {
namespace {

constexpr int kStripPanels = 16;

// Our callers split the work themselves.
void keep_to_one_thread() {
  static const bool done = (openblas_set_num_threads(1), true);
  (void)done;
}

}  // namespace

void f32_openblas(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
                  std::size_t ldy) {
  keep_to_one_thread();
  const auto* x = reinterpret_cast<const float*>(prepared);
  const auto* packed = reinterpret_cast<const float*>(w.data.data());
  std::vector<float> strip(std::size_t(w.k) * kStripPanels * kPanelColumns);  // (k, columns)
  for (int first = 0; first < w.panels(); first += kStripPanels) {
    const int last = std::min(first + kStripPanels, w.panels());
    const int width = (last - first) * kPanelColumns;
    for (int p = first; p < last; ++p) {
      const float* panel = packed + std::size_t(p) * padded_k(w.k) * kPanelColumns;
      for (int k = 0; k < w.k; ++k) {
        std::copy_n(panel + std::size_t(k) * kPanelColumns, kPanelColumns,
                    strip.data() + std::size_t(k) * width + (p - first) * kPanelColumns);
      }
    }
    const int columns = std::min(width, w.n - first * kPanelColumns);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, columns, w.k, 1.0f, x,
                static_cast<int>(f32_row_stride(w.k)), strip.data(), width, 0.0f,
                y + first * kPanelColumns, static_cast<int>(ldy));
  }
}

}  // namespace paretune
