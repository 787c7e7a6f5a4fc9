#include "runtime/compression/gguf_export.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "kernels/narrow_float.h"
#include "runtime/compression/calibration.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/model/exact_repack.h"
#include "runtime/model/gguf.h"
#include "runtime/model/mapped_file.h"
#include "runtime/model/model_source.h"
#include "runtime/refusal.h"
#include "runtime/target.h"

namespace paretune {
namespace {

constexpr std::uint64_t kGgufAlignment = 32;

class Bytes {
 public:
  template <class T>
  void number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(std::string_view text) {
    number<std::uint64_t>(text.size());
    text_ += text;
  }
  void pair(std::string_view key, std::string_view value) {
    string(key);
    number<std::uint32_t>(8);  // a string
    string(value);
  }
  std::string& text() { return text_; }

 private:
  std::string text_;
};

// One tensor of the new file, and how to make its bytes.
struct Planned {
  std::string name;
  const FileTensor* from;
  const TensorType* type;
  std::optional<Weight> weight;
  int layer = 0;
  const Treatment* treatment = nullptr;  // null: copied
  std::uint64_t bytes() const {
    std::uint64_t values = 1;
    for (const std::uint64_t dim : from->dims) values *= dim;
    return values / std::uint64_t(type->block_size) * std::uint64_t(type->block_bytes);
  }
};

class Exporter {
 public:
  Exporter(const std::filesystem::path& from, const Policy& policy, PackCache* packs,
           const std::filesystem::path& texts)
      : file_(from),
        gguf_(file_.bytes(), from.string()),
        source_(open_model(from)),
        policy_(policy) {
    if (source_->shape().n_experts > 0)
      refuse(from.string(), "a model of experts", "dense models; experts are not exported yet");
    if (gguf_.metadata().contains("paretune.recipe"))
      refuse(from.string(), "a file that was compressed before", "the model that it was made of");
    if (policy.last_layer() >= source_->shape().n_layers)
      refuse("weights", "layer " + std::to_string(policy.last_layer()),
             "layers up to " + std::to_string(source_->shape().n_layers - 1));
    plan();
    if (!policy.calibrated()) return;
    if (!texts.empty()) {
      source_ = calibrated_on(std::move(source_),
                              read_calibration_text(texts, Tokenizer(source_->tokenizer()),
                                                    source_->shape().max_seq_len));
    }
    calibration_ = calibrate(*source_, packs);
  }

  ExportedModel write(const std::filesystem::path& to) const {
    Bytes head;
    head.number<std::uint32_t>(0x46554747);  // "GGUF"
    head.number<std::uint32_t>(3);
    head.number<std::uint64_t>(planned_.size());
    head.number<std::uint64_t>(gguf_.metadata().size() + 3);
    constexpr std::size_t kPairsBegin = 24;
    head.text().append(reinterpret_cast<const char*>(file_.bytes().data()) + kPairsBegin,
                       gguf_.pairs_end() - kPairsBegin);
    head.pair("paretune.recipe", to_text(policy_));
    head.pair("paretune.source_hash", source_->content_hash());
    head.pair("paretune.calibration", calibration_ ? calibration_text(*source_) : "none");
    std::uint64_t offset = 0, bits = 0, values = 0;
    for (const Planned& tensor : planned_) {
      head.string(tensor.name);
      head.number<std::uint32_t>(static_cast<std::uint32_t>(tensor.from->dims.size()));
      std::uint64_t count = 1;
      for (auto dim = tensor.from->dims.rbegin(); dim != tensor.from->dims.rend(); ++dim) {
        head.number<std::uint64_t>(*dim);
        count *= *dim;
      }
      head.number<std::uint32_t>(tensor.type->gguf_id);
      head.number<std::uint64_t>(offset);
      offset += padded(tensor.bytes());
      bits += 8 * tensor.bytes();
      values += count;
    }
    head.text().resize(padded(head.text().size()));

    const std::filesystem::path part = to.string() + "." + std::to_string(getpid()) + ".part";
    std::ofstream out(part, std::ios::binary);
    out << head.text();
    for (const Planned& tensor : planned_) {
      std::vector<std::byte> bytes = make(tensor);
      bytes.resize(padded(bytes.size()));
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      if (!out) break;
    }
    out.close();
    std::error_code error;
    if (out) std::filesystem::rename(part, to, error);
    if (!out || error) {
      std::filesystem::remove(part, error);
      throw std::runtime_error(to.string() + ": cannot be written: check folder and disk space");
    }
    return {.bytes = std::filesystem::file_size(to),
            .content_hash = open_model(to)->content_hash(),
            .bits_per_weight = double(bits) / double(values)};
  }

 private:
  static std::uint64_t padded(std::uint64_t n) {
    return (n + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
  }

  void plan() {
    const ModelShape& shape = source_->shape();
    std::map<std::string, std::pair<Weight, int>, std::less<>> weights;
    for (const WeightInfo& info : kWeights) {
      if (!info.matrix || info.repeats == Repeats::per_expert) continue;
      for (int i = 0; i < instances(info, shape); ++i)
        weights[tensor_name(info.gguf, i)] = {info.weight, i};
    }
    for (const auto& [name, tensor] : gguf_.tensors()) {
      Planned planned{.name = name, .from = &tensor, .type = tensor.type};
      if (const auto found = weights.find(name); found != weights.end()) {
        planned.weight = found->second.first;
        planned.layer = found->second.second;
        treat(planned);
      }
      planned_.push_back(std::move(planned));
    }
    if (!shape.tied_output) return;
    // The head gets its own tensor where it is treated otherwise than the embeddings that it is.
    const Treatment& head = policy_.at(LayerKind::output);
    if (head == policy_.at(LayerKind::embeddings)) return;
    const auto embedding = gguf_.tensors().find("token_embd.weight");
    Planned planned{.name = "output.weight",
                    .from = &embedding->second,
                    .type = embedding->second.type,
                    .weight = Weight::output};
    treat(planned);
    planned_.push_back(std::move(planned));
  }

  void treat(Planned& planned) const {
    const std::optional<LayerKind> kind = layer_kind(*planned.weight);
    if (!kind) return;
    const Treatment& treatment = policy_.at(*kind, planned.layer);
    const WeightFormat& format = *treatment.format;
    if (treatment.rank > 0)
      refuse(planned.name, "a compensation of rank " + std::to_string(treatment.rank),
             "no rank: GGUF holds one matrix for each weight");
    if (treatment.neurons > 0)
      refuse(planned.name, "neurons to be removed", "none: the file keeps its shapes");
    if (treatment.outliers > 0)
      refuse(planned.name, std::to_string(treatment.outliers) + " outliers beside the codes",
             "none: GGUF holds one matrix for each weight");
    if (treatment.propagates())
      refuse(planned.name, "the quantizer \"" + std::string(treatment.quantizer->name) + '"',
             "quantease: weights are rounded as the file has them");
    if (treatment.pruner && (treatment.pruner->whole_rows || treatment.pruner == &kGradual))
      refuse(planned.name, "the pruner \"" + std::string(treatment.pruner->name) + '"',
             "magnitude or wanda");
    if (&format == &kF32 && !treatment.pruner) return;  // as the file has it
    if (planned.type->name == type_of(format).name && !treatment.pruner) return;  // it is there
    planned.type = &type_of(format);
    planned.treatment = &treatment;
    const std::uint64_t k = planned.from->dims.back();
    if (k % std::uint64_t(planned.type->block_size) != 0)
      refuse(planned.name, "rows of " + std::to_string(k) + " values",
             "multiples of " + std::to_string(planned.type->block_size) + " for " +
                 std::string(planned.type->name));
  }

  const TensorType& type_of(const WeightFormat& format) const {
    std::string_view name = &format == &kF32 ? "F32" : &format == &kBf16 ? "BF16" : "";
    std::string allowed = "f32, bf16";
    for (const ExactRepack& repack : kExactRepacks) {
      if (!repack.join) continue;
      allowed += ", " + std::string(repack.format->name);
      if (repack.format == &format) name = repack.type;
    }
    const auto type = std::ranges::find(kTensorTypes, name, &TensorType::name);
    if (type == kTensorTypes.end())
      refuse("weights", "the format " + std::string(format.name),
             allowed + ", which GGUF types hold exactly");
    return *type;
  }

  std::vector<std::byte> make(const Planned& planned) const {
    const FileTensor& from = *planned.from;
    if (!planned.treatment) return {from.data.begin(), from.data.end()};
    const Treatment& treatment = *planned.treatment;
    const WeightFormat& format = *treatment.format;
    const auto k = static_cast<std::size_t>(from.dims.back());
    const std::size_t rows = from.dims[0];
    const std::size_t from_bytes = k / std::size_t(from.type->block_size) *
                                   std::size_t(from.type->block_bytes),
                      row_bytes = k / std::size_t(planned.type->block_size) *
                                  std::size_t(planned.type->block_bytes);
    const std::optional<InputSite> site = input_site(*planned.weight);
    std::optional<InputStatistics> statistics;
    if (calibration_ && site) statistics = calibration_->statistics(*site, planned.layer);
    const InputStatistics* const known = statistics ? &*statistics : nullptr;
    const auto quantizer = applies(*treatment.quantizer, format)
                               ? treatment.quantizer->make(format, known)
                           : format.encode ? make_round_to_nearest(format, nullptr)
                                           : nullptr;
    const auto repack = std::ranges::find_if(
        kExactRepacks, [&](const ExactRepack& row) { return row.join && row.format == &format; });

    std::vector<std::byte> bytes(rows * row_bytes);
    constexpr std::size_t kStep = 64;  // that methods see together, however many threads there are
    const auto make_rows = [&](std::size_t row) {
      const std::size_t count = std::min(kStep, rows - row);
      std::vector<float> values(count * k);
      std::vector<std::uint8_t> dropped(treatment.pruner ? count * k : 0);
      from.type->to_float(from.data.subspan(row * from_bytes, count * from_bytes), values);
      for (std::size_t i = 0; i < count && treatment.pruner; ++i) {
        mark_dropped(*treatment.pruner, treatment.pruned_percent,
                     std::span(values).subspan(i * k, k), known,
                     std::span(dropped).subspan(i * k, k));
      }
      std::byte* const to = bytes.data() + row * row_bytes;
      if (quantizer) {
        std::vector<RowCodes> codes(count);
        quantizer->quantize(values, static_cast<int>(k), dropped, codes);
        for (std::size_t i = 0; i < count; ++i)
          repack->join(codes[i], {to + i * row_bytes, row_bytes});
        return;
      }
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float value = dropped.empty() || !dropped[i] ? values[i] : 0;
        if (&format == &kF32) {
          std::memcpy(to + 4 * i, &value, 4);
        } else {
          const std::uint16_t half = f32_to_bf16(value);
          std::memcpy(to + 2 * i, &half, 2);
        }
      }
    };
    pool_->run(pool_->size(), [&](Team& team) {
      team.dynamic(static_cast<int>((rows + kStep - 1) / kStep),
                   [&](int i) { make_rows(static_cast<std::size_t>(i) * kStep); });
    });
    return bytes;
  }

  MappedFile file_;
  Gguf gguf_;
  std::unique_ptr<ModelSource> source_;
  Policy policy_;
  std::vector<Planned> planned_;
  std::optional<Calibration> calibration_;
  std::unique_ptr<ThreadPool> pool_ = std::make_unique<ThreadPool>(this_machine().physical_cores);
};

}  // namespace

ExportedModel export_gguf(const std::filesystem::path& from, const Policy& policy,
                          const std::filesystem::path& to, PackCache* packs,
                          const std::filesystem::path& texts) {
  return Exporter(from, policy, packs, texts).write(to);
}

}  // namespace paretune
