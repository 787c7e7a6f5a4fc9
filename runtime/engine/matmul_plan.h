// How one matrix product is carried out: the kernel, how it walks, and how threads share the work.
// No field but the variant changes a bit of the result.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "kernels/matmul.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

struct MatmulPlan {
  const MatmulVariant* variant = nullptr;
  Walk walk;
  int row_block = 0;     // rows that go over a thread's panels before the next rows; 0: all of them
  int panel_block = 8;   // panels of one task; what a task leaves is finished while in cache
  bool claimed = false;  // threads claim tasks as they come free, or own equal shares
  // Of equal shares: this many threads divide the rows among them, the others the columns; 1 where
  // it does not divide the number of threads. Many rows, few columns: less of the weights for each.
  int row_shares = 1;
  bool operator==(const MatmulPlan&) const = default;
};

// Plans by the number of rows: that of the first size that is at least m, or the last one's.
class MatmulPlans {
 public:
  explicit MatmulPlans(const MatmulPlan& for_all) : by_rows_{{0, for_all}} {}
  // by_rows: not empty, ascending
  explicit MatmulPlans(std::vector<std::pair<int, MatmulPlan>> by_rows)
      : by_rows_(std::move(by_rows)) {}

  const MatmulPlan& at(int m) const {
    for (const auto& [rows, plan] : by_rows_) {
      if (rows >= m) return plan;
    }
    return by_rows_.back().second;
  }
  std::span<const std::pair<int, MatmulPlan>> by_rows() const { return by_rows_; }

 private:
  std::vector<std::pair<int, MatmulPlan>> by_rows_;
};

// A block of a product, done: rows [row_begin, row_end), panels [panel_begin, panel_end). y[i * ldy
// + j] is row row_begin + i, column 16 * panel_begin + j.
struct MatmulBlock {
  int row_begin, row_end, panel_begin, panel_end;
  const float* y;
  std::size_t ldy;
};

// Floats of scratch that a thread needs for the blocks of m rows.
inline std::size_t block_floats(const MatmulPlan& plan, int m, int grain) {
  const int rows = plan.row_block > 0 ? std::min(plan.row_block, m) : m;
  return std::size_t(rows) * std::size_t((plan.panel_block + grain - 1) / grain * grain * 16);
}

// This thread's blocks of x · wᵀ, each given to finish(const MatmulBlock&) as soon as it is done.
//   prepared: m rows as plan.variant prepared them
//   grain: panels that must stay together; tasks are multiples of it
//   scratch: block_floats(...) floats of this thread's own
// Every thread of the team calls it. Results are complete after the next barrier.
template <class Finish>
void multiply_blocks(const MatmulPlan& plan, const std::byte* prepared, int m,
                     const PackedMatrix& w, int grain, Team& team, float* scratch,
                     Finish&& finish) {
  const int panels = w.panels(), task = (plan.panel_block + grain - 1) / grain * grain;
  const int row_step = plan.row_block > 0 ? plan.row_block : m;
  const std::size_t row_bytes = plan.variant->row_bytes(w.k);
  const auto columns = [&](int row, int rows_end, int begin, int end) {
    const int rows = std::min(row_step, rows_end - row);
    const std::size_t ldy = std::size_t(end - begin) * 16;
    plan.variant->run(prepared + std::size_t(row) * row_bytes, rows, w.panels(begin, end),
                      plan.walk, scratch, ldy);
    finish(MatmulBlock{row, row + rows, begin, end, scratch, ldy});
  };
  if (plan.claimed) {
    team.dynamic((panels + task - 1) / task, [&](int i) {
      for (int row = 0; row < m; row += row_step) {
        columns(row, m, i * task, std::min((i + 1) * task, panels));
      }
    });
    return;
  }
  const int across = team.size() % plan.row_shares == 0 ? plan.row_shares : 1;
  const Team::Range rows = Team::share_of(m, 16, team.rank() % across, across);
  const Team::Range mine =
      Team::share_of(panels, grain, team.rank() / across, team.size() / across);
  for (int row = rows.begin; row < rows.end; row += row_step) {
    for (int begin = mine.begin; begin < mine.end; begin += task) {
      columns(row, rows.end, begin, std::min(begin + task, mine.end));
    }
  }
}

}  // namespace paretune
