#include "runtime/model/file_stats.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

namespace paretune {
namespace {

std::string stats_of_one(const std::filesystem::path& file) {
  struct stat s;
  if (::stat(file.c_str(), &s) != 0) return "";
  const auto nanoseconds = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
  };
  return std::to_string(s.st_dev) + " " + std::to_string(s.st_ino) + " " +
         std::to_string(s.st_size) + " " + nanoseconds(s.st_mtim) + " " + nanoseconds(s.st_ctim);
}

}  // namespace

std::string file_stats(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return stats_of_one(path);
  std::vector<std::string> lines;
  for (const auto& entry : std::filesystem::directory_iterator(path))
    lines.push_back(entry.path().filename().string() + " " + stats_of_one(entry.path()));
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

}  // namespace paretune
