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

std::vector<std::filesystem::path> gguf_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".gguf") files.push_back(entry.path());
  }
  return files;
}

}  // namespace

std::optional<std::filesystem::path> gguf_file(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (PackedModel::is_packed(path)) return std::nullopt;
  if (!fs::is_directory(path, error)) return path;
  if (fs::exists(path / "config.json", error)) return std::nullopt;
  const std::vector<fs::path> files = gguf_files(path);
  return files.size() == 1 ? std::optional(files[0]) : std::nullopt;
}

std::unique_ptr<ModelSource> open_model(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (PackedModel::is_packed(path)) return std::make_unique<PackedModel>(path);
  if (const auto file = gguf_file(path)) return open_gguf(path, *file);
  if (fs::exists(path / "config.json", error)) return open_hugging_face(path);
  throw std::runtime_error(
      path.string() +
      ": holds neither config.json (a Hugging Face folder) nor exactly one .gguf "
      "file, but " +
      std::to_string(gguf_files(path).size()));
}

}  // namespace paretune
