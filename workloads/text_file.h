// Text from outside, whole and within limits, and its lines. For this folder's .cpp files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace paretune {

// Throws std::runtime_error naming the file when it cannot be read or has more than max_bytes.
std::string read_text_file(const std::filesystem::path& file, std::size_t max_bytes);

// Without a UTF-8 byte order mark.
std::string_view without_bom(std::string_view text);

// Without spaces, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text);

// Takes the first line off `text`, without its LF or CRLF.
std::string_view take_line(std::string_view& text);

}  // namespace paretune
