// A model as it lies on disk, whatever the format: hyper-parameters, weights as f32 rows, tokenizer
// data, chat template.
//
// RoPE pairs are (i, i + head_dim/2), as Hugging Face stores Llama. GGUF's llama files hold the
// rows of q and k in the order of the paper's pairs (2i, 2i+1); read_rows undoes that, so that
// kernels know one convention.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/model/model_shape.h"
#include "runtime/model/tokenizer_data.h"
#include "runtime/model/weights.h"

namespace paretune {

class PackedModel;

class ModelSource {
 public:
  virtual ~ModelSource() = default;

  virtual const ModelShape& shape() const = 0;
  virtual const TokenizerData& tokenizer() const = 0;
  virtual const std::optional<std::string>& chat_template() const = 0;  // Jinja source

  // Rows [row_begin, row_end) of a weight that has_weight; out: (row_end - row_begin, columns). A
  // vector is one row. layer is 0 for weights that are not per layer, and layer * n_experts +
  // expert for an expert's. Weight::output of a tied
  // model reads the token embedding. Any number of threads may read at once.
  virtual void read_rows(Weight weight, int layer, int row_begin, int row_end,
                         std::span<float> out) const = 0;

  // One row of a matrix as the file holds it, in blocks of source_format's type.
  virtual std::span<const std::byte> stored_row(Weight weight, int layer, int row) const = 0;

  // The stored type's name: "BF16", "Q4_K".
  virtual std::string source_format(Weight weight, int layer) const = 0;

  // How the weights differ from those of the files; "": not at all.
  virtual std::string variant() const { return ""; }
  // The model of the files, whose weights these are computed from; itself where variant() is "".
  virtual const ModelSource& as_stored() const { return *this; }
  // A file that holds the matrices only as packed (packed_model.h); nullptr: it is none.
  virtual const PackedModel* as_packed() const { return nullptr; }
  // Token sequences that statistics of it are gathered on (compression/calibration_texts.h); empty:
  // the model's own samples.
  virtual std::span<const std::vector<int>> calibration_texts() const { return {}; }

  virtual const std::filesystem::path& path() const = 0;  // what open_model was given
  virtual std::uint64_t file_bytes() const = 0;           // of all the model's files together
  // XXH3-128 (hex) of all the model's files in the order of their names. Reads them whole, every
  // time.
  virtual std::string content_hash() const = 0;
  // Gives the memory that file pages take back to the system: weights packed by a reader need them
  // no more. Reading stays possible.
  virtual void release_pages() const = 0;

  // {rows, columns}
  std::array<int, 2> weight_shape(Weight weight) const { return weight_info(weight).dims(shape()); }
  // Always true of Weight::output.
  bool has_weight(Weight weight) const {
    return weight == Weight::output || weight_info(weight).present(shape());
  }
};

// path: a .gguf file, a Hugging Face folder (config.json, tokenizer.json and model.safetensors or
// its sharded index), or a folder that holds exactly one .gguf file, or a file that
// compress packed. Throws std::runtime_error that
// names the file, the place in it, what was found and what is allowed; nothing is read from tensors
// that were not checked against the hyper-parameters.
std::unique_ptr<ModelSource> open_model(const std::filesystem::path& path);

// The GGUF file that open_model reads there; nullopt: it reads another format, or fails.
std::optional<std::filesystem::path> gguf_file(const std::filesystem::path& path);

}  // namespace paretune
