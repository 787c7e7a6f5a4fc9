// A small model of random weights (bench/synthetic_model.h) in a folder of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "bench/synthetic_model.h"
#include "runtime/model/model_source.h"
#include "tests/runtime/model/tiny_model.h"

namespace paretune {

class SyntheticModel {
 public:
  explicit SyntheticModel(const std::string& shape, const std::string& type = "f16")
      : file_(folder_.path() / (shape + ".gguf")) {
    write_synthetic_model(find_synthetic_shape(shape), find_synthetic_type(type), file_);
  }
  const std::filesystem::path& file() const { return file_; }
  std::unique_ptr<ModelSource> open() const { return open_model(file_); }

 private:
  TemporaryFolder folder_;
  std::filesystem::path file_;
};

}  // namespace paretune
