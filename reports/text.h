// Text on its way into a file: every string that somebody else chose (names, paths, errors) goes
// through one of these.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace paretune {

// The parts, one after the other.
std::string cat(std::initializer_list<std::string_view> parts);

// With the separator between each two.
std::string join(std::span<const std::string> parts, std::string_view separator);

// Valid UTF-8: bytes that are none become U+FFFD; so do control characters, but for tab and
// newline.
std::string clean_utf8(std::string_view text);

// For element content and for attribute values in double quotes.
std::string html_text(std::string_view text);
// For element content alone: lines may break after a comma that a letter follows, as in a policy.
std::string html_list(std::string_view text);

// A cell of a Markdown table or a line of Markdown prose: what has a meaning there is escaped,
// newlines become spaces.
std::string markdown_text(std::string_view text);

// `code` in Markdown, fenced by more backticks than the text has in a row.
std::string markdown_code(std::string_view text);

// A field as RFC 4180 has it. A text that a spreadsheet would run as a formula (=, +, -, @ first)
// gets a leading apostrophe; pass numbers as they are instead.
std::string csv_text(std::string_view text);

}  // namespace paretune
