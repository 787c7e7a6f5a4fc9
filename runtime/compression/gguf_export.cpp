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
#include "runtime/compression/narrowing.h"
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

const TensorType& type_called(std::string_view name) {
  return *std::ranges::find(kTensorTypes, name, &TensorType::name);
}

// One tensor of the new file, and how to make its bytes.
struct Planned {
  std::string name;
  std::vector<std::uint64_t> dims;  // slowest first
  const TensorType* type;
  Weight weight = Weight::output_norm;
  int index = 0;  // of the (first) matrix that it holds, as ModelSource counts
  int count = 1;  // matrices: all experts of a layer are one tensor
  std::optional<Treatment> treatment = {};  // none: as the source has it
  std::vector<float> values = {};           // of a tensor that is no weight

  std::size_t k() const { return dims.back(); }
  std::uint64_t size() const {
    std::uint64_t n = 1;
    for (const std::uint64_t dim : dims) n *= dim;
    return n;
  }
  std::size_t row_bytes() const {
    return k() / std::size_t(type->block_size) * std::size_t(type->block_bytes);
  }
  std::uint64_t bytes() const { return size() / k() * row_bytes(); }
};

// The file's format for a treatment's.
const TensorType& type_of(const WeightFormat& format) {
  if (&format == &kF32) return type_called("F32");
  if (&format == &kBf16) return type_called("BF16");
  std::string allowed = "f32, bf16";
  for (const ExactRepack& repack : kExactRepacks) {
    if (!repack.join) continue;
    if (repack.format == &format) return type_called(repack.type);
    append_name(allowed, repack.format->name);
  }
  refuse("weights", "the format " + std::string(format.name),
         allowed + ", which GGUF types hold exactly");
}

void refuse_what_has_no_tensor(const std::string& name, const Treatment& treatment) {
  if (treatment.rank > 0)
    refuse(name, "a compensation of rank " + std::to_string(treatment.rank),
           "no rank: GGUF holds one matrix for each weight");
  if (treatment.outliers > 0)
    refuse(name, std::to_string(treatment.outliers) + " outliers beside the codes",
           "none: GGUF holds one matrix for each weight");
  if (treatment.pruner && treatment.pruner->whole_rows)
    refuse(name, "the pruner " + in_double_quotes(treatment.pruner->name),
           "magnitude, gradual or wanda");
}

void refuse_rows_of(const std::string& name, int columns, const TensorType& type) {
  if (columns % type.block_size != 0)
    refuse(name, "rows of " + std::to_string(columns) + " values",
           "multiples of " + std::to_string(type.block_size) + " for " + std::string(type.name));
}

// What becomes of a matrix, as Model has it packed.
Treatment treatment_of(const Policy& policy, const WeightInfo& info, LayerKind kind, int layer) {
  Treatment treatment = policy.at(kind, layer);
  if (info.repeats == Repeats::per_expert) treatment.rank = treatment.outliers = 0;
  if (kind == LayerKind::embeddings && treatment.format == &kF32) return {.format = &kF32};
  return treatment;
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
    check_policy(*source, config.weights);
    ready_ = prepare_source(std::move(source), config, packs);
    plan();
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
    for (const Planned& tensor : planned_) {
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
    for (const Planned& tensor : planned_) {
      const std::vector<std::byte> bytes = make(tensor);
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      if (!out) return;
    }
  }

  double bits_per_weight() const {
    std::uint64_t bytes = 0, values = 0;
    for (const Planned& tensor : planned_) {
      bytes += tensor.bytes();
      values += tensor.size();
    }
    return 8 * double(bytes) / double(values);
  }

 private:
  const ModelSource& source() const { return *ready_.source; }
  const ModelShape& shape() const { return source().shape(); }

  // Before anything slow: what has no place is told at once.
  static void check_policy(const ModelSource& source, const Policy& policy) {
    ModelShape shape = source.shape();
    if (const int removed = policy.at(LayerKind::gate_up).neurons; removed > 0)
      shape.d_ff = neurons_left(shape.d_ff, removed);
    for (const WeightInfo& info : kWeights) {
      const std::optional<LayerKind> kind = layer_kind(info.weight);
      if (!kind || !info.matrix || !source.has_weight(info.weight)) continue;
      for (int layer = 0; layer < (info.repeats == Repeats::once ? 1 : shape.n_layers); ++layer) {
        const Treatment treatment = treatment_of(policy, info, *kind, layer);
        refuse_what_has_no_tensor(gguf_name(info, layer), treatment);
        refuse_rows_of(gguf_name(info, layer), info.dims(shape)[1], type_of(*treatment.format));
      }
    }
  }

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

  void plan() {
    for (const WeightInfo& info : kWeights) {
      if (!source().has_weight(info.weight)) continue;
      const int count = info.repeats == Repeats::per_expert ? shape().n_experts : 1;
      for (int i = 0; i < instances(info, shape()); i += count) {
        Planned tensor = planned(info, i, count);
        if (info.weight == Weight::output && is_embedding(tensor)) continue;
        planned_.push_back(std::move(tensor));
      }
    }
    plan_rope_divisors();
  }

  // Whether a tied head's bytes are those of the embeddings, which then serve as it.
  bool is_embedding(const Planned& head) const {
    if (!shape().tied_output || ready_.config.smoothing.name == "hadamard") return false;
    const Planned embeddings = planned(weight_info(Weight::token_embedding), 0, 1);
    // Methods that know the inputs know those of the head alone.
    return head.type == embeddings.type && head.treatment == embeddings.treatment &&
           !(head.treatment && head.treatment->calibrated());
  }

  void plan_rope_divisors() {
    Planned tensor{.name = "rope_freqs.weight", .type = &type_called("F32")};
    if (!gguf_) {
      tensor.values = rope_divisors(shape());
    } else if (const auto found = gguf_->tensors().find(tensor.name);
               found != gguf_->tensors().end()) {
      tensor.values.resize(static_cast<std::size_t>(shape().head_dim) / 2);
      found->second.type->to_float(found->second.data, tensor.values);
    }
    if (tensor.values.empty()) return;
    if (!gguf_ && shape().architecture != "llama")
      refuse(path_.string(), "RoPE stretched by more than one factor for " + shape().architecture,
             "that of llama, the only architecture that GGUF readers divide frequencies for");
    tensor.dims = {tensor.values.size()};
    planned_.push_back(std::move(tensor));
  }

  // Of `count` matrices from `index` on, or of a vector.
  Planned planned(const WeightInfo& info, int index, int count) const {
    const int layer = index / count;
    const auto [rows, columns] = info.dims(shape());
    Planned tensor{.name = gguf_name(info, layer),
                   .dims = {static_cast<std::uint64_t>(columns)},
                   .type = &type_called("F32"),
                   .weight = info.weight,
                   .index = index,
                   .count = count};
    if (!info.matrix) return tensor;
    tensor.dims.insert(tensor.dims.begin(), static_cast<std::uint64_t>(rows));
    if (info.repeats == Repeats::per_expert)
      tensor.dims.insert(tensor.dims.begin(), static_cast<std::uint64_t>(count));
    const std::optional<LayerKind> kind = layer_kind(info.weight);
    if (!kind) return tensor;  // routers, which are never rounded
    const Treatment treatment = treatment_of(ready_.config.weights, info, *kind, layer);
    const std::string found = source().source_format(info.weight, index);
    if (treatment.format != &kF32 || treatment.pruner) {
      tensor.type = &type_of(*treatment.format);
      const bool there = found == tensor.type->name && found != "F32" && !treatment.pruner;
      if (!there || count > 1) tensor.treatment = treatment;
      return tensor;
    }
    // As the source has it.
    for (int i = 1; i < count; ++i)
      if (source().source_format(info.weight, index + i) != found) return tensor;
    if (const TensorType& type = type_called(found); type.gguf_id != kNotInGguf)
      tensor.type = &type;
    return tensor;
  }

  // The model's row that the file has at `row`: some architectures' files hold the rows of queries
  // and keys in the order of RoPE's pairs (2i, 2i+1).
  int model_row(Weight weight, int row) const {
    if (!interleaved_ || !is_turned(weight)) return row;
    const int i = row % shape().head_dim, half = shape().head_dim / 2;
    return row - i + (i % 2 == 0 ? i / 2 : half + i / 2);
  }

  // Rows [row, row + count) of a matrix, as the file orders them.
  std::vector<float> read(const Planned& tensor, int index, int row, int count) const {
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
  std::vector<std::byte> make(const Planned& tensor) const {
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

  std::vector<float> vector_of(const Planned& tensor) const {
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

  void make_matrix(const Planned& tensor, int index, std::span<std::byte> bytes) const {
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
    const std::optional<InputSite> site = input_site(tensor.weight);
    std::optional<InputStatistics> statistics;
    if (ready_.calibration && site && tensor.treatment)
      statistics = ready_.calibration->statistics(*site, index);
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
  std::vector<Planned> planned_;
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
