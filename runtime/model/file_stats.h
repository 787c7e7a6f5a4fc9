// What changes when a model's files do, without reading them.
#pragma once

#include <filesystem>
#include <string>

namespace paretune {

// Device, inode, size, modification and change time of the file, or of every file in the folder, as
// text. The change time catches what a kept modification time (rsync -t, touch -d) hides. "" where
// there is no such file.
std::string file_stats(const std::filesystem::path& path);

}  // namespace paretune
