#include "workloads/text_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace paretune {

std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error))
    throw std::runtime_error(file.string() + ": found a folder, allowed: a file");
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error(file.string() + ": cannot be read: " + std::strerror(errno));
  std::string text;
  char buffer[1 << 16];
  while (in.read(buffer, sizeof buffer), in.gcount() > 0) {
    text.append(buffer, std::size_t(in.gcount()));
    if (text.size() > max_bytes)
      throw std::runtime_error(file.string() + ": found more than " + std::to_string(max_bytes) +
                               " bytes, which is the most allowed");
  }
  if (in.bad()) throw std::runtime_error(file.string() + ": cannot be read to its end");
  return text;
}

std::string_view without_bom(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace paretune
