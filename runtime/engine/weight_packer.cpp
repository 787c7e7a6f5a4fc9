#include "runtime/engine/weight_packer.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "kernels/matmul.h"
#include "kernels/packing.h"
#include "runtime/compression/low_rank.h"
#include "runtime/compression/rounding_check.h"
#include "runtime/engine/rows.h"
#include "runtime/model/exact_repack.h"

namespace paretune {
namespace {

constexpr int kRowsAtOnce = 64;  // whole panels

// Calls take(run, first row of the matrix, end row) for what of each run lies in rows [begin, end).
template <class Runs, class Take>
void for_each_run(const Runs& runs, int begin, int end, Take&& take) {
  for (const auto& run : runs) {
    const int from = std::max(begin, run.at), to = std::min(end, run.at + run.count);
    if (from < to) take(run, from, to);
  }
}

// To make: more than rounding.
bool slow(const Treatment& treatment) {
  return treatment.quantizer != &kQuantizers[0] || treatment.pruner || treatment.side_columns() > 0;
}

}  // namespace

WeightPacker::WeightPacker(const ModelSource& source, ThreadPool& pool, PackStore* packs,
                           const Calibration* calibration)
    : source_(source),
      pool_(pool),
      packs_(packs),
      calibration_(calibration),
      model_hash_(packs ? packs->model_hash(source) + source.variant() : "") {}

PackedWeights WeightPacker::stacked(std::initializer_list<Part> parts, const Treatment& treatment) {
  std::vector<Run> runs;
  int n = 0;
  for (const Part& part : parts) {
    const int rows = source_.weight_shape(part.weight)[0];
    runs.push_back({part, 0, rows, n});
    n += rows;
  }
  return pack(runs, n, treatment);
}

PackedWeights WeightPacker::in_turns(Part first, Part second, int panels,
                                     const Treatment& treatment) {
  std::vector<Run> runs;
  const int rows = source_.weight_shape(first.weight)[0];
  int n = 0;
  for (int row = 0; row < rows; row += panels * kPanelColumns) {
    const int count = std::min(panels * kPanelColumns, rows - row);
    for (const Part& part : {first, second}) {
      runs.push_back({part, row, count, n});
      n += (count + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
    }
  }
  return pack(runs, n, treatment);
}

template <class Make>
PackedWeights WeightPacker::found_or_made(const std::string& key, PackedMatrix matrix,
                                          std::size_t bytes, bool slow, Make&& make) {
  PackedWeights result{.matrix = matrix};
  PackStore* const packs = packs_ && bytes >= packs_->least_bytes(slow) ? packs_ : nullptr;
  std::optional<PackStore::Found> found = packs ? packs->find(key, bytes) : std::nullopt;
  if (!found) {
    result.memory = AlignedBuffer(bytes);
    result.matrix.data = result.memory.bytes();
    make(result.memory.bytes());
    if (packs) found = packs->keep(key, result.matrix.data);
  }
  if (found) {
    result.memory = {};
    result.matrix.data = found->bytes;
    result.file = std::move(found->file);
  }
  packed_bytes_ += bytes;
  return result;
}

PackedWeights WeightPacker::pack(std::span<const Run> runs, int n, const Treatment& treatment) {
  const int k = source_.weight_shape(runs[0].part.weight)[1];
  Job job{.runs = runs, .n = n, .k = k, .treatment = treatment, .packed = {}};
  PackedWeights result = found_or_made(cache_key(job, "codes"), {treatment.format, n, k, {}},
                                       treatment.format->packed_bytes(n, k), slow(treatment),
                                       [&](std::span<std::byte> to) {
                                         job.packed = to;
                                         if (treatment.pruner && treatment.pruner->whole_rows)
                                           job.dropped_rows = smallest_rows(job);
                                         job.outliers = loudest_columns(job);
                                         fill(job);
                                         check(job);
                                       });
  if (treatment.side_columns() > 0) result.low_rank = low_rank(job, result.matrix.data);
  return result;
}

// A and Bᵀ of the error that is left, pruned weights included.
std::vector<PackedWeights> WeightPacker::low_rank(const Job& job,
                                                  std::span<const std::byte> packed) {
  const int most = std::min(job.n, job.k);
  const int outliers = std::min(job.treatment.outliers, most);
  const int rank = std::min(job.treatment.rank, most - outliers), columns = outliers + rank;
  std::optional<LowRank> solved;
  const auto solve = [&]() -> const LowRank& {
    if (solved) return *solved;
    std::vector<float> error(row_offset(job.n, job.k), 0.0f);
    std::vector<float> rounded(static_cast<std::size_t>(job.k));
    for (const Run& run : job.runs) {
      const std::span<float> rows =
          std::span(error).subspan(row_offset(run.at, job.k), row_offset(run.count, job.k));
      source_.read_rows(run.part.weight, run.part.index, run.row, run.row + run.count, rows);
      for (int i = 0; i < run.count; ++i) {
        job.treatment.format->unpack_row(packed, job.n, job.k, run.at + i, rounded);
        float* const to = rows.data() + row_offset(i, job.k);
        for (std::size_t j = 0; j < rounded.size(); ++j) to[j] -= rounded[j];
      }
    }
    LowRank side{.rank = columns,
                 .in = std::vector<float>(row_offset(columns, job.k)),
                 .out = std::vector<float>(row_offset(job.n, columns))};
    const std::vector<int> kept = loudest_columns(job);
    for (int i = 0; i < outliers; ++i) {
      const auto column = static_cast<std::size_t>(kept[static_cast<std::size_t>(i)]);
      side.in[row_offset(i, job.k) + column] = 1;
      for (int row = 0; row < job.n; ++row) {
        side.out[row_offset(row, columns) + static_cast<std::size_t>(i)] =
            std::exchange(error[row_offset(row, job.k) + column], 0.0f);
      }
    }
    if (rank > 0) {
      const std::optional<InputStatistics> statistics = statistics_of(job);
      const LowRank rest =
          compensate(error, job.n, job.k, rank, statistics ? &*statistics : nullptr);
      std::ranges::copy(rest.in, side.in.begin() + std::ptrdiff_t(row_offset(outliers, job.k)));
      for (int row = 0; row < job.n; ++row) {
        std::copy_n(rest.out.begin() + std::ptrdiff_t(row_offset(row, rank)), rank,
                    side.out.begin() + std::ptrdiff_t(row_offset(row, columns)) + outliers);
      }
    }
    solved = std::move(side);
    return *solved;
  };
  std::vector<PackedWeights> parts;
  parts.push_back(found_or_made(
      cache_key(job, "in"), {&kBf16, columns, job.k, {}}, kBf16.packed_bytes(columns, job.k), true,
      [&](std::span<std::byte> to) { kBf16.pack(solve().in, columns, job.k, 0, columns, to); }));
  parts.push_back(found_or_made(
      cache_key(job, "out"), {&kBf16, job.n, columns, {}}, kBf16.packed_bytes(job.n, columns), true,
      [&](std::span<std::byte> to) { kBf16.pack(solve().out, job.n, columns, 0, job.n, to); }));
  return parts;
}

// The percentage of each run's weight whose rows have the smallest norms.
std::vector<std::uint8_t> WeightPacker::smallest_rows(const Job& job) const {
  std::vector<std::pair<double, int>> norms;
  std::vector<float> row(static_cast<std::size_t>(job.k));
  for (const Run& run : job.runs) {
    for (int i = 0; i < run.count; ++i) {
      source_.read_rows(run.part.weight, run.part.index, run.row + i, run.row + i + 1, row);
      double sum = 0;
      for (const float v : row) sum += double(v) * v;
      norms.emplace_back(sum, run.at + i);
    }
  }
  std::ranges::sort(norms);
  std::vector<std::uint8_t> dropped(static_cast<std::size_t>(job.n), 0);
  const std::size_t count =
      norms.size() * static_cast<std::size_t>(job.treatment.pruned_percent) / 100;
  for (std::size_t i = 0; i < count; ++i) dropped[static_cast<std::size_t>(norms[i].second)] = 1;
  return dropped;
}

// As OWQ chooses them (Lee et al., arXiv:2306.02272), before anything is rounded: by the mean
// square of the input times the square of the column's largest weight, to which errors are
// proportional.
std::vector<int> WeightPacker::loudest_columns(const Job& job) const {
  const auto count = static_cast<std::size_t>(std::min({job.treatment.outliers, job.n, job.k}));
  if (count == 0) return {};
  const auto k = static_cast<std::size_t>(job.k);
  std::vector<float> largest(k, 0.0f), row(k);
  for (const Run& run : job.runs) {
    for (int i = 0; i < run.count; ++i) {
      source_.read_rows(run.part.weight, run.part.index, run.row + i, run.row + i + 1, row);
      for (std::size_t j = 0; j < k; ++j) largest[j] = std::max(largest[j], std::fabs(row[j]));
    }
  }
  const std::optional<InputStatistics> statistics = statistics_of(job);
  for (std::size_t j = 0; j < k; ++j)
    largest[j] *= largest[j] * (statistics ? statistics->mean_squares[j] : 1.0f);
  std::vector<int> columns(k);
  std::iota(columns.begin(), columns.end(), 0);
  std::ranges::stable_sort(columns, std::greater<>(),
                           [&](int j) { return largest[static_cast<std::size_t>(j)]; });
  columns.resize(count);
  return columns;
}

std::string WeightPacker::cache_key(const Job& job, std::string_view part) const {
  if (!packs_) return "";
  std::string rows;
  for (const Run& run : job.runs) {
    rows += std::string(weight_info(run.part.weight).name) + ' ' + std::to_string(run.part.index) +
            ' ' + std::to_string(run.row) + ' ' + std::to_string(run.count) + ' ' +
            std::to_string(run.at) + '\n';
  }
  Treatment treatment = job.treatment;
  if (part == "codes") treatment.rank = 0;  // whatever compensates them
  return PackCache::key({std::to_string(kKernelsVersion), to_text(treatment),
                         treatment.calibrated() ? std::to_string(kStatisticsVersion) : "",
                         std::string(part), std::to_string(job.n), std::to_string(job.k),
                         model_hash_, rows});
}

std::optional<InputStatistics> WeightPacker::statistics_of(const Job& job) const {
  const auto [weight, index] = job.runs[0].part;  // the runs of a matrix read the same inputs
  return calibration_ ? calibration_->inputs_of(weight, index) : std::nullopt;
}

std::vector<float> WeightPacker::read(const Job& job, const Run& run, int from, int to,
                                      std::vector<std::uint8_t>& dropped) const {
  const auto k = static_cast<std::size_t>(job.k);
  std::vector<float> values(row_offset(to - from, job.k));
  const int first = run.row + from - run.at;
  source_.read_rows(run.part.weight, run.part.index, first, first + to - from, values);
  for (const int column : job.outliers) {
    for (std::size_t at = static_cast<std::size_t>(column); at < values.size(); at += k)
      values[at] = 0;
  }
  const Pruner* const pruner = job.treatment.pruner;
  dropped.assign(pruner ? values.size() : 0, 0);
  if (!pruner) return values;
  const std::optional<InputStatistics> statistics = statistics_of(job);
  for (std::size_t i = 0; i * k < values.size(); ++i) {
    const std::span<std::uint8_t> marks = std::span(dropped).subspan(i * k, k);
    if (pruner->whole_rows) {
      std::ranges::fill(marks, job.dropped_rows[static_cast<std::size_t>(from) + i]);
    } else {
      mark_dropped(*pruner, job.treatment.pruned_percent, std::span(values).subspan(i * k, k),
                   statistics ? &*statistics : nullptr, marks);
    }
  }
  return values;
}

bool WeightPacker::stored_as(const Run& run, const WeightFormat& format) const {
  return find_exact_repack(source_.source_format(run.part.weight, run.part.index), format) !=
         nullptr;
}

// The treatment's method, with what calibration saw of the matrix's inputs; round-to-nearest where
// it does not apply.
std::unique_ptr<RowQuantizer> WeightPacker::quantizer_for(const Job& job) const {
  const WeightFormat& format = *job.treatment.format;
  if (!applies(*job.treatment.quantizer, format)) return make_round_to_nearest(format, nullptr);
  const std::optional<InputStatistics> statistics = statistics_of(job);
  return job.treatment.quantizer->make(format, statistics ? &*statistics : nullptr);
}

void WeightPacker::fill(const Job& job) const {
  const WeightFormat& format = *job.treatment.format;
  // By codes where the method makes them, or where the file's grid is the format's.
  const bool coded =
      (applies(*job.treatment.quantizer, format) && job.treatment.quantizer != &kQuantizers[0]) ||
      std::ranges::any_of(job.runs, [&](const Run& run) { return stored_as(run, format); });
  const std::unique_ptr<RowQuantizer> quantizer = coded ? quantizer_for(job) : nullptr;
  std::exception_ptr error;
  std::mutex error_mutex;
  pool_.run(pool_.size(), [&](Team& team) {
    const Team::Range mine = team.share(job.n, kRowsAtOnce);
    // Few rows at a time: the copy stays in cache. Where methods see the same rows together however
    // many threads there are, the bytes are the same.
    const int step = coded ? kRowsAtOnce
                           : std::max(kPanelColumns, (1 << 18) / std::max(job.k, 1) /
                                                         kPanelColumns * kPanelColumns);
    try {
      for (int begin = mine.begin; begin < mine.end; begin += step) {
        const int end = std::min(begin + step, mine.end);
        if (coded) {
          fill_coded(job, *quantizer, begin, end);
        } else {
          fill_rounded(job, begin, end);
        }
      }
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

// On a few rows of each run: squared errors as packed, of a method each input weighted by its mean
// square.
void WeightPacker::check(const Job& job) const {
  const WeightFormat& format = *job.treatment.format;
  const bool nearest =
      !applies(*job.treatment.quantizer, format) || job.treatment.quantizer == &kQuantizers[0];
  if (!nearest && job.treatment.pruner) return;  // what is pruned is wrong on purpose
  const std::optional<InputStatistics> statistics = statistics_of(job);
  const auto [weight, index] = job.runs[0].part;
  const std::string name = matrix_name(weight_info(weight), index, source_.shape());
  RoundingCheck check(format, statistics ? statistics->mean_squares : std::span<const float>());
  std::vector<float> row(static_cast<std::size_t>(job.k)), packed(row.size());
  for (const Run& run : job.runs) {
    if (stored_as(run, format) && job.outliers.empty()) continue;
    for (int i = 0; i < kCheckedRows; ++i) {
      const int at = run.count * i / kCheckedRows;
      source_.read_rows(run.part.weight, run.part.index, run.row + at, run.row + at + 1, row);
      for (const int column : job.outliers) row[static_cast<std::size_t>(column)] = 0;
      format.unpack_row(job.packed, job.n, job.k, run.at + at, packed);
      if (nearest) {
        check_nearest(name, format, row, packed, job.treatment.pruner != nullptr);
      } else {
        check.add(row, packed);
      }
    }
  }
  if (!nearest) check.pass(name, *job.treatment.quantizer);
}

void WeightPacker::fill_rounded(const Job& job, int begin, int end) const {
  std::vector<float> rows(row_offset(end - begin, job.k));
  std::vector<std::uint8_t> dropped;
  for_each_run(job.runs, begin, end, [&](const Run& run, int from, int to) {
    std::vector<float> values = read(job, run, from, to, dropped);
    if (!dropped.empty()) values = without_dropped(values, dropped);
    std::ranges::copy(values, rows.begin() + std::ptrdiff_t(row_offset(from - begin, job.k)));
  });
  job.treatment.format->pack(rows, job.n, job.k, begin, end, job.packed);
}

void WeightPacker::fill_coded(const Job& job, const RowQuantizer& quantizer, int begin,
                              int end) const {
  const WeightFormat& format = *job.treatment.format;
  const std::vector<float> zeros(static_cast<std::size_t>(job.k), 0.0f);
  std::vector<std::uint8_t> dropped;
  std::vector<RowCodes> rows(static_cast<std::size_t>(end - begin));
  for (RowCodes& codes : rows) format.encode(zeros, codes);  // those of no run stay zero
  for_each_run(job.runs, begin, end, [&](const Run& run, int from, int to) {
    const auto [weight, index] = run.part;
    const ExactRepack* const repack =
        job.treatment.pruner || !job.outliers.empty()
            ? nullptr
            : find_exact_repack(source_.source_format(weight, index), format);
    const int first = run.row + from - run.at;
    const std::span<RowCodes> out = std::span(rows).subspan(static_cast<std::size_t>(from - begin),
                                                            static_cast<std::size_t>(to - from));
    if (repack) {
      for (int i = 0; i < to - from; ++i) {
        repack->split(source_.stored_row(weight, index, first + i),
                      out[static_cast<std::size_t>(i)]);
      }
      return;
    }
    const std::vector<float> values = read(job, run, from, to, dropped);
    quantizer.quantize(values, job.k, dropped, out);
  });
  format.pack_codes(rows, job.n, job.k, begin, end, job.packed);
}

}  // namespace paretune
