// Runs one matrix product again and again as the engine would: all threads of the phase, weights as
// cold as the model's.
#pragma once

#include <cstddef>
#include <vector>

#include "profiles/clock.h"
#include "profiles/kernel_candidates.h"
#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/engine/thread_pool.h"

namespace paretune {

// One matrix shape in one format: tuned for several numbers of rows with the same packed weights.
struct KernelTask {
  const WeightFormat* weights = nullptr;
  Activations activations = Activations::f32;
  int n = 0, k = 0;
  std::vector<int> rows;
  int threads = 1;
  std::size_t model_bytes = 0;  // of all weights in this format: what passes between two uses
  bool operator==(const KernelTask&) const = default;
};

// The weights of a task: as many copies as fit between two uses, at most twice the last-level
// cache.
class KernelWeights {
 public:
  KernelWeights(const KernelTask& task, const Caches& caches);
  int copies() const { return copies_; }
  // Copy `index`, its first n columns.
  PackedMatrix matrix(int index, int n) const;

 private:
  const WeightFormat& format_;
  int n_, k_;
  std::size_t bytes_;
  int copies_;
  AlignedBuffer memory_;
};

// Runs plans for m rows.
class KernelRunner {
 public:
  // task, weights, pool and clock must outlive it; the pool has task.threads threads.
  KernelRunner(const KernelTask& task, int m, const KernelWeights& weights, ThreadPool& pool,
               Clock& clock);

  // Columns of a product: n, or fewer where all would take long (panels are alike).
  int columns() const { return n_; }

  // Seconds of one product, the mean over `times` that run one after the other.
  double run(const MatmulPlan& plan, int times);

  // Runs it once and compares rows 0, m / 2 and m - 1 of the first columns with the scalar variant.
  bool right(const MatmulPlan& plan);

 private:
  void take(const MatmulBlock& block);

  const KernelTask& task_;
  int m_, n_;
  const KernelWeights& weights_;
  ThreadPool& pool_;
  Clock& clock_;
  std::vector<float> x_, y_;
  std::vector<std::vector<float>> scratch_;
  AlignedBuffer prepared_;
  const MatmulVariant* prepared_for_ = nullptr;
  int next_ = 0;
};

}  // namespace paretune
