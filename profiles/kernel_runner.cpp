#include "profiles/kernel_runner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "kernels/packing.h"

namespace paretune {
namespace {

constexpr std::size_t kMostMemory = std::size_t(512) << 20;
constexpr double kMostOperations = 2e9;  // of one run

std::vector<float> random_floats(std::size_t count) {
  std::mt19937_64 rng(1);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(double(rng() >> 11) * 0x1p-52 - 1);
  return values;
}

}  // namespace

KernelWeights::KernelWeights(const KernelTask& task, const Caches& caches)
    : format_(*task.weights), n_(task.n), k_(task.k), bytes_(format_.packed_bytes(n_, k_)) {
  const std::size_t between =
      std::min({task.model_bytes, 2 * caches.l3 + (std::size_t(16) << 20), kMostMemory});
  copies_ = std::max<int>(1, static_cast<int>(between / bytes_));
  memory_ = AlignedBuffer(bytes_ * static_cast<std::size_t>(copies_));
  // Panels differ in nothing that matters: one is quantized, the others are copies.
  const int rows = std::min(n_, kPanelColumns);
  const auto values = random_floats(std::size_t(rows) * std::size_t(k_));
  const std::size_t panel = format_.packed_bytes(kPanelColumns, k_);
  std::vector<std::byte> first(panel);
  format_.pack(values, rows, k_, 0, rows, first);
  for (std::size_t at = 0; at + panel <= memory_.size(); at += panel) {
    std::memcpy(memory_.data() + at, first.data(), panel);
  }
}

PackedMatrix KernelWeights::matrix(int index, int n) const {
  const PackedMatrix whole{
      &format_, n_, k_, {memory_.data() + bytes_ * std::size_t(index), bytes_}};
  return n == n_ ? whole : whole.panels(0, panel_count(n));
}

KernelRunner::KernelRunner(const KernelTask& task, int m, const KernelWeights& weights,
                           ThreadPool& pool, Clock& clock)
    : task_(task), m_(m), weights_(weights), pool_(pool), clock_(clock) {
  const double columns = kMostOperations / (2.0 * m * task.k);
  const int least = kPanelColumns * 8 * task.threads;
  n_ = std::min(task.n, std::max(least, static_cast<int>(columns) / 16 * 16));
  x_ = random_floats(std::size_t(m) * std::size_t(task.k));
  y_.resize(std::size_t(m) * std::size_t(n_));
  scratch_.resize(static_cast<std::size_t>(task.threads));
}

bool KernelRunner::right(const MatmulPlan& plan) {
  run(plan, 1);
  const MatmulVariant& scalar = resolve_matmul("scalar", *task_.weights, plan.variant->activations);
  const int columns = std::min(n_, 2 * kPanelColumns);
  const PackedMatrix few = weights_.matrix(0, n_).panels(0, panel_count(columns));
  std::vector<float> expected(static_cast<std::size_t>(columns));
  AlignedBuffer prepared(scalar.prepared_bytes(1, task_.k));
  for (const int row : {0, m_ / 2, m_ - 1}) {
    scalar.prepare(x_.data() + std::size_t(row) * std::size_t(task_.k), 1, task_.k, 0, 1,
                   prepared.data());
    scalar.run(prepared.data(), 1, few, {}, expected.data(), expected.size());
    const float* y = y_.data() + std::size_t(row) * std::size_t(n_);
    double error = 0, norm = 0;
    for (std::size_t j = 0; j < expected.size(); ++j) {
      error += std::pow(double(y[j]) - expected[j], 2);
      norm += std::pow(double(expected[j]), 2);
    }
    // Both add k products in f32, in different orders.
    const double tolerance = task_.k * 0x1p-23;
    if (!(error <= tolerance * tolerance * norm)) return false;
  }
  return true;
}

double KernelRunner::run(const MatmulPlan& plan, int times) {
  if (plan.variant != prepared_for_) {
    prepared_ = AlignedBuffer(plan.variant->prepared_bytes(m_, task_.k));
    plan.variant->prepare(x_.data(), m_, task_.k, 0, m_, prepared_.data());
    prepared_for_ = plan.variant;
  }
  for (std::vector<float>& one : scratch_) one.resize(block_floats(plan, m_, 1));
  double begin = 0, end = 0;
  const int first = next_;
  next_ = (next_ + times) % weights_.copies();
  pool_.run(task_.threads, [&](Team& team) {
    float* const scratch = scratch_[static_cast<std::size_t>(team.rank())].data();
    team.barrier();
    if (team.rank() == 0) begin = clock_.now();
    for (int i = 0; i < times; ++i) {
      multiply_blocks(plan, prepared_.data(), m_,
                      weights_.matrix((first + i) % weights_.copies(), n_), 1, team, scratch,
                      [&](const MatmulBlock& block) { take(block); });
      team.barrier();
    }
    if (team.rank() == 0) end = clock_.now();
  });
  return (end - begin) / times;
}

void KernelRunner::take(const MatmulBlock& block) {
  const int from = block.panel_begin * kPanelColumns;
  const int count = std::min(block.panel_end * kPanelColumns, n_) - from;
  for (int r = block.row_begin; r < block.row_end; ++r) {
    std::copy_n(block.y + std::size_t(r - block.row_begin) * block.ldy, count,
                y_.data() + std::size_t(r) * std::size_t(n_) + from);
  }
}

}  // namespace paretune
