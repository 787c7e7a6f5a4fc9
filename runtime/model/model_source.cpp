#include "runtime/model/model_source.h"

#include <stdexcept>

#include "runtime/model/gguf_model.h"
#include "runtime/model/hugging_face_model.h"
#include "runtime/model/packed_model.h"

namespace paretune {
namespace {

std::unique_ptr<ModelSource> open_gguf(const std::filesystem::path& path,
                                       const std::filesystem::path& file) {
  std::vector<MappedFile> files;
  files.emplace_back(file);
  ModelContents contents = read_gguf_model(Gguf(files[0].bytes(), file.string()));
  return std::make_unique<StoredModel>(path, std::move(files), std::move(contents));
}

}  // namespace

std::unique_ptr<ModelSource> open_model(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (PackedModel::is_packed(path)) return std::make_unique<PackedModel>(path);
  if (!fs::is_directory(path, error)) return open_gguf(path, path);
  if (fs::exists(path / "config.json", error)) return open_hugging_face(path);

  std::vector<fs::path> gguf_files;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".gguf") gguf_files.push_back(entry.path());
  }
  if (gguf_files.size() == 1) return open_gguf(path, gguf_files[0]);
  throw std::runtime_error(
      path.string() +
      ": holds neither config.json (a Hugging Face folder) nor exactly one .gguf "
      "file, but " +
      std::to_string(gguf_files.size()));
}

}  // namespace paretune
