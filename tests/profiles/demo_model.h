// The repository's demo model and workloads made for one test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "runtime/model/model_source.h"
#include "workloads/workload.h"

namespace paretune {

inline constexpr const char* kDemoModel = "workloads/demo/demo.gguf";
inline constexpr const char* kDemoEvals = "workloads/demo/evals/";

inline EvalSpec demo_eval(const std::string& name) {
  return {.path = name, .file = kDemoEvals + name + ".jsonl", .name = name};
}

// A file that goes when its test does.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& content)
      : path_(std::filesystem::temp_directory_path() /
              ("paretune_" + std::to_string(getpid()) + "_" + name)) {
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace paretune
