#include "runtime/compression/gguf_export.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <fstream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <vector>

#include "kernels/narrow_float.h"
#include "runtime/compression/gguf_metadata.h"
#include "runtime/compression/gguf_plan.h"
#include "runtime/compression/part_file.h"
#include "runtime/compression/rounding_check.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/prepared_source.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/model/architectures.h"
#include "runtime/model/exact_repack.h"
#include "runtime/model/gguf.h"
#include "runtime/model/mapped_file.h"
#include "runtime/refusal.h"
#include "runtime/target.h"

namespace paretune {
namespace {

constexpr std::uint64_t kGgufAlignment = 32;

std::uint64_t padded(std::uint64_t n) {
  return (n + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

class Exporter {
 public:
  Exporter(std::unique_ptr<ModelSource> source, const DeployConfig& config, PackCache* packs)
      : path_(source->path()),
        hash_(packs ? packs->model_hash(*source) : source->content_hash()),
        recipe_(to_text(config.weights)),
        calibration_text_(needs_calibration(config) ? calibration_text(*source) : "none"),
        original_width_(source->shape().d_ff),
        interleaved_(
            architecture_of_gguf(source->shape().architecture, path_.string()).interleaved_gguf) {
    if (const auto file = gguf_file(path_)) {
      file_.emplace(*file);
      gguf_.emplace(file_->bytes(), file->string());
      if (gguf_->metadata().contains("paretune.recipe"))
        refuse(path_.string(), "a file that was compressed before",
               "the model that it was made of");
    }
    if (config.smoothing.name != "none")
      recipe_ += ", smoothing " + std::string(config.smoothing.name);
    check_gguf_policy(*source, config.weights);
    ready_ = prepare_source(std::move(source), config, packs);
    planned_ = plan_gguf(ready_, gguf_ ? &*gguf_ : nullptr);
  }

  void write(std::ofstream& out) const {
    const GgufPairs pairs = metadata();
    GgufBytes head;
    head.number<std::uint32_t>(0x46554747);  // "GGUF"
    head.number<std::uint32_t>(3);
    head.number<std::uint64_t>(planned_.size());
    head.number<std::uint64_t>(pairs.count());
    head.bytes(std::as_bytes(std::span(pairs.text())));
    std::uint64_t offset = 0;
    for (const PlannedTensor& tensor : planned_) {
      head.string(tensor.name);
      head.number<std::uint32_t>(static_cast<std::uint32_t>(tensor.dims.size()));
      for (auto dim = tensor.dims.rbegin(); dim != tensor.dims.rend(); ++dim)
        head.number<std::uint64_t>(*dim);
      head.number<std::uint32_t>(tensor.type->gguf_id);
      head.number<std::uint64_t>(offset);
      offset += padded(tensor.bytes());
    }
    head.pad_to(padded(head.text().size()));
    out << head.text();
    for (const PlannedTensor& tensor : planned_) {
      const std::vector<std::byte> bytes = make(tensor);
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      if (!out) return;
    }
  }

  double bits_per_weight() const {
    std::uint64_t bytes = 0, values = 0;
    for (const PlannedTensor& tensor : planned_) {
      bytes += tensor.bytes();
      values += tensor.size();
    }
    return 8 * double(bytes) / double(values);
  }

 private:
  const ModelSource& source() const { return *ready_.source; }
  const ModelShape& shape() const { return source().shape(); }

  GgufPairs metadata() const {
    GgufPairs pairs;
    if (gguf_) {
      const bool narrower = shape().d_ff != original_width_;
      for (const Gguf::Pair& pair : gguf_->pairs()) {
        if (is_of_the_bytes(pair.key)) continue;
        if (narrower && pair.key == gguf_width_key(shape())) continue;
        pairs.copy(pair.bytes);
      }
      if (narrower) pairs.put(gguf_width_key(shape()), static_cast<std::uint32_t>(shape().d_ff));
    } else {
      pairs = gguf_metadata(source());
    }
    pairs.put("general.quantization_version", std::uint32_t{2});  // GGML_QNT_VERSION
    pairs.put("paretune.recipe", recipe_);
    pairs.put("paretune.source_hash", hash_);
    pairs.put("paretune.calibration", calibration_text_);
    return pairs;
  }

  // Metadata that tell how the other file's tensors were written.
  static bool is_of_the_bytes(std::string_view key) {
    constexpr std::array<std::string_view, 6> kKeys{
        "general.alignment",    "general.file_type",  "general.quantization_version",
        "general.quantized_by", "general.size_label", "general.parameter_count"};
    return key.starts_with("quantize.") || std::ranges::find(kKeys, key) != kKeys.end();
  }

  // The model's row that the file has at `row`: some architectures' files hold the rows of queries
  // and keys in the order of RoPE's pairs (2i, 2i+1).
  int model_row(Weight weight, int row) const {
    if (!interleaved_ || !is_turned(weight)) return row;
    const int i = row % shape().head_dim, half = shape().head_dim / 2;
    return row - i + (i % 2 == 0 ? i / 2 : half + i / 2);
  }

  // Rows [row, row + count) of a matrix, as the file orders them.
  std::vector<float> read(const PlannedTensor& tensor, int index, int row, int count) const {
    std::vector<float> values(static_cast<std::size_t>(count) * tensor.k());
    for (int i = 0; i < count; ++i) {
      const int at = model_row(tensor.weight, row + i);
      source().read_rows(
          tensor.weight, index, at, at + 1,
          std::span(values).subspan(static_cast<std::size_t>(i) * tensor.k(), tensor.k()));
    }
    return values;
  }

  // Padded to where the next tensor begins.
  std::vector<std::byte> make(const PlannedTensor& tensor) const {
    std::vector<std::byte> bytes(padded(tensor.bytes()));
    const auto put = [&](std::span<const float> values) {
      std::ranges::copy(std::as_bytes(values), bytes.begin());
    };
    if (!tensor.values.empty()) {
      put(tensor.values);
    } else if (tensor.dims.size() == 1) {
      put(vector_of(tensor));
    } else {
      const std::size_t each = tensor.bytes() / static_cast<std::size_t>(tensor.count);
      for (int i = 0; i < tensor.count; ++i)
        make_matrix(tensor, tensor.index + i,
                    std::span(bytes).subspan(static_cast<std::size_t>(i) * each, each));
    }
    return bytes;
  }

  std::vector<float> vector_of(const PlannedTensor& tensor) const {
    std::vector<float> values(tensor.k()), ordered(tensor.k());
    source().read_rows(tensor.weight, tensor.index, 0, 1, values);
    for (std::size_t i = 0; i < values.size(); ++i)
      ordered[i] = values[static_cast<std::size_t>(model_row(tensor.weight, static_cast<int>(i)))];
    const bool bias = tensor.name.ends_with(".bias");
    if (!bias && ready_.config.weights.at(LayerKind::norms).format == &kBf16) {
      for (float& v : ordered) v = bf16_to_f32(f32_to_bf16(v));  // readers want norms as F32
    }
    return ordered;
  }

  void make_matrix(const PlannedTensor& tensor, int index, std::span<std::byte> bytes) const {
    const int rows = source().weight_shape(tensor.weight)[0];
    const auto row_of = [&](int row) {
      return bytes.subspan(static_cast<std::size_t>(row) * tensor.row_bytes(), tensor.row_bytes());
    };
    const Treatment treatment = tensor.treatment.value_or(Treatment{.format = &kF32});
    const Pruner* const pruner = treatment.pruner;
    const std::string_view stored = source().source_format(tensor.weight, index);
    if (stored == tensor.type->name && stored != "F32" && !pruner) {
      for (int row = 0; row < rows; ++row)
        std::ranges::copy(source().stored_row(tensor.weight, index, model_row(tensor.weight, row)),
                          row_of(row).begin());
      return;
    }
    const WeightFormat& format = *treatment.format;
    std::optional<InputStatistics> statistics;
    if (ready_.calibration && tensor.treatment)
      statistics = ready_.calibration->inputs_of(tensor.weight, index);
    const InputStatistics* const known = statistics ? &*statistics : nullptr;
    const bool method = applies(*treatment.quantizer, format);
    const auto quantizer = method          ? treatment.quantizer->make(format, known)
                           : format.encode ? make_round_to_nearest(format, nullptr)
                                           : nullptr;
    const auto repack = std::ranges::find_if(
        kExactRepacks, [&](const ExactRepack& row) { return row.join && row.format == &format; });

    constexpr int kStep = 64;  // that methods see together, however many threads there are
    const auto make_rows = [&](int row) {
      const int count = std::min(kStep, rows - row);
      const std::vector<float> values = read(tensor, index, row, count);
      std::vector<std::uint8_t> dropped(pruner ? values.size() : 0);
      for (std::size_t i = 0; i < dropped.size(); i += tensor.k()) {
        mark_dropped(*pruner, treatment.pruned_percent, std::span(values).subspan(i, tensor.k()),
                     known, std::span(dropped).subspan(i, tensor.k()));
      }
      if (quantizer) {
        std::vector<RowCodes> codes(static_cast<std::size_t>(count));
        quantizer->quantize(values, static_cast<int>(tensor.k()), dropped, codes);
        for (int i = 0; i < count; ++i)
          repack->join(codes[static_cast<std::size_t>(i)], row_of(row + i));
        return;
      }
      std::byte* to = row_of(row).data();
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float value = dropped.empty() || !dropped[i] ? values[i] : 0;
        const std::uint16_t half = f32_to_bf16(value);
        const bool whole = &format == &kF32;
        std::memcpy(to, whole ? static_cast<const void*>(&value) : &half, whole ? 4 : 2);
        to += whole ? 4 : 2;
      }
    };
    std::exception_ptr error;
    std::mutex error_mutex;
    pool_->run(pool_->size(), [&](Team& team) {
      team.dynamic((rows + kStep - 1) / kStep, [&](int i) {
        try {
          make_rows(i * kStep);
        } catch (...) {
          const std::lock_guard lock(error_mutex);
          error = std::current_exception();
        }
      });
    });
    if (error) std::rethrow_exception(error);
    if (!method || treatment.quantizer == &kQuantizers[0] || pruner) return;

    // Each matrix by itself, where the packer looks at all that share a product.
    RoundingCheck check(format, known ? known->mean_squares : std::span<const float>());
    std::vector<float> rounded(tensor.k());
    for (int row = 0; row < rows; row += std::max(1, rows / (16 * kCheckedRows))) {
      tensor.type->to_float(row_of(row), rounded);
      check.add(read(tensor, index, row, 1), rounded);
    }
    check.pass(matrix_name(weight_info(tensor.weight), index, shape()), *treatment.quantizer);
  }

  std::filesystem::path path_;
  std::string hash_, recipe_, calibration_text_;
  int original_width_;
  bool interleaved_;                // see model_row
  std::optional<MappedFile> file_;  // of a GGUF file,
  std::optional<Gguf> gguf_;        // whose metadata are kept
  PreparedSource ready_;
  std::vector<PlannedTensor> planned_;
  std::unique_ptr<ThreadPool> pool_ = std::make_unique<ThreadPool>(this_machine().physical_cores);
};

}  // namespace

ExportedModel export_gguf(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                          const std::filesystem::path& to, PackCache* packs) {
  if (source->as_packed())
    refuse(source->path().string(), "a packed file", "the model that it was made of");
  check_config(config, {this_machine(), source->shape()});
  PartFile file(to);
  const Exporter exporter(std::move(source), config, packs);
  exporter.write(file.stream());
  file.finish();
  return {.bytes = std::filesystem::file_size(to),
          .content_hash = open_model(to)->content_hash(),
          .bits_per_weight = exporter.bits_per_weight()};
}

}  // namespace paretune
