// From the rows of a model file to packed matrices, as a policy's treatment says: rounded, or taken
// as they are where the file's grid is the format's; found in the pack cache where an earlier start
// left them.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/weight_format.h"
#include "runtime/compression/calibration.h"
#include "runtime/compression/policy.h"
#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/model/model_source.h"
#include "runtime/model/pack_store.h"

namespace paretune {

struct PackedWeights {
  PackedMatrix matrix;
  AlignedBuffer memory;                    // of what was packed now,
  std::shared_ptr<const MappedFile> file;  // or the store's
  // Where the treatment has outliers or a rank, the compensation (compression/low_rank.h) as bf16:
  // Bᵀ (rank, k), then A (n, rank), whose rows are those of matrix. Columns that stay bf16 come
  // first: each is one of A's, and its row of Bᵀ picks the input.
  std::vector<PackedWeights> low_rank;
};

class WeightPacker {
 public:
  struct Part {
    Weight weight;
    int index;  // layer, or layer * n_experts + expert
  };

  // What it is given must outlive it. packs, calibration: may be null.
  WeightPacker(const ModelSource& source, ThreadPool& pool, PackStore* packs,
               const Calibration* calibration);

  // Both throw std::runtime_error naming the matrix where the method's rounding is far worse than
  // rounding to nearest: a fault, whose result nobody should serve.

  // Matrices of the same inputs, one under the other.
  PackedWeights stacked(std::initializer_list<Part> parts, const Treatment& treatment);
  // Two matrices of the same shape in turns of `panels` panels, each turn padded to whole panels.
  PackedWeights in_turns(Part first, Part second, int panels, const Treatment& treatment);

  std::size_t packed_bytes() const { return packed_bytes_; }  // of all so far

 private:
  // Rows [row, row + count) of a part, that begin at row `at` of the packed matrix.
  struct Run {
    Part part;
    int row, count, at;
  };
  // Rows of one packed matrix (n, k) to be filled; rows that no run covers are zero.
  struct Job {
    std::span<const Run> runs;
    int n, k;
    const Treatment& treatment;
    std::span<std::byte> packed;
    std::vector<std::uint8_t> dropped_rows = {};  // (n) 1: pruned whole
    std::vector<int> outliers = {};               // columns that the codes leave out
  };
  PackedWeights pack(std::span<const Run> runs, int n, const Treatment& treatment);
  std::string cache_key(const Job& job, std::string_view part) const;
  // bytes as the cache has them under the key, or as make() returns them, which are then kept.
  template <class Make>
  PackedWeights found_or_made(const std::string& key, PackedMatrix matrix, std::size_t bytes,
                              bool slow, Make&& make);
  std::vector<PackedWeights> low_rank(const Job& job, std::span<const std::byte> packed);
  std::vector<std::uint8_t> smallest_rows(const Job& job) const;
  std::vector<int> loudest_columns(const Job& job) const;
  std::optional<InputStatistics> statistics_of(const Job& job) const;
  // Reads rows [from, to) of a run, and marks in dropped (rows, k) what is pruned of them.
  std::vector<float> read(const Job& job, const Run& run, int from, int to,
                          std::vector<std::uint8_t>& dropped) const;
  void fill(const Job& job) const;
  void fill_rounded(const Job& job, int begin, int end) const;
  void fill_coded(const Job& job, const RowQuantizer& quantizer, int begin, int end) const;
  void check(const Job& job) const;
  bool stored_as(const Run& run, const WeightFormat& format) const;
  std::unique_ptr<RowQuantizer> quantizer_for(const Job& job) const;

  const ModelSource& source_;
  ThreadPool& pool_;
  PackStore* packs_;
  const Calibration* calibration_;
  std::string model_hash_;  // where there is a cache
  std::size_t packed_bytes_ = 0;
};

}  // namespace paretune
