// f32 and int8 by oneDNN, to measure our own kernels against: its gemm on 16 panels at a time,
// brought into the library's plain order first. Debian's 2.6 has no bf16 gemm in its C interface.
#ifdef PARETUNE_ONEDNN
#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "kernels/matmul_kernels.h"
#include "kernels/prepared.h"
#include "kernels/target.h"

namespace paretune {
namespace {

constexpr int kStripPanels = 16;

// Our callers split the work themselves; OpenMP counts per calling thread.
void keep_to_one_thread() {
  thread_local const bool done = (omp_set_num_threads(1), true);
  (void)done;
}

void check(dnnl_status_t status) {
  if (status != dnnl_success) throw std::runtime_error("oneDNN: a gemm failed");
}

}  // namespace

void f32_onednn(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
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
    check(dnnl_sgemm('N', 'N', m, columns, w.k, 1.0f, x, dnnl_dim_t(f32_row_stride(w.k)),
                     strip.data(), width, 0.0f, y + first * kPanelColumns, dnnl_dim_t(ldy)));
  }
}

void int8_onednn(const std::byte* prepared, int m, const PackedMatrix& w, const Walk&, float* y,
                 std::size_t ldy) {
  keep_to_one_thread();
  const Int8Rows rows(w.k, 0);
  const std::size_t apart = int8_panel_bytes(w.k);
  std::vector<std::int8_t> strip(std::size_t(w.k) * kStripPanels * kPanelColumns);  // (k, columns)
  std::vector<std::int32_t> sums(std::size_t(m) * kStripPanels * kPanelColumns);
  for (int first = 0; first < w.panels(); first += kStripPanels) {
    const int last = std::min(first + kStripPanels, w.panels());
    const int width = (last - first) * kPanelColumns;
    const std::byte* panels = w.data.data() + std::size_t(first) * apart;
    for (int p = 0; p < last - first; ++p) {
      const auto* codes = reinterpret_cast<const std::int8_t*>(panels + std::size_t(p) * apart);
      for (int k = 0; k < w.k; ++k) {
        std::int8_t* to = strip.data() + std::size_t(k) * width + p * kPanelColumns;
        for (int c = 0; c < kPanelColumns; ++c) to[c] = codes[int8_index(k, c)];
      }
    }
    const std::int32_t none = 0;
    check(dnnl_gemm_s8s8s32('N', 'N', 'F', m, width, w.k, 1.0f,
                            reinterpret_cast<const std::int8_t*>(prepared), dnnl_dim_t(rows.stride),
                            0, strip.data(), width, 0, 0.0f, sums.data(), width, &none));
    const int columns = std::min(width, w.n - first * kPanelColumns);
    for (int i = 0; i < m; ++i) {
      const float by_row = *reinterpret_cast<const float*>(prepared + std::size_t(i) * rows.stride +
                                                           rows.scale_at());
      for (int c = 0; c < columns; ++c) {
        const auto* scales = reinterpret_cast<const float*>(
            panels + std::size_t(c / kPanelColumns) * apart + std::size_t(rows.kp) * kPanelColumns);
        y[std::size_t(i) * ldy + std::size_t(first * kPanelColumns + c)] =
            float(sums[std::size_t(i) * width + c]) * scales[c % kPanelColumns] * by_row;
      }
    }
  }
}

}  // namespace paretune
#endif  // PARETUNE_ONEDNN
