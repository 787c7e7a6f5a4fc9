// Request traces as they are published, read strictly: a bad row is an error that names its line.
//   azure_csv       TIMESTAMP,ContextTokens,GeneratedTokens      2023-11-16
//   18:17:03.9799600,4808,10
//                   (Azure Public Dataset, AzureLLMInferenceTrace 2023 and 2024; CRLF, last line
//                   without newline)
//   mooncake_jsonl  {"timestamp": ms, "input_length": n, "output_length": n, "hash_ids": [prefix
//   blocks of 512 tokens]}
//                   (Mooncake, FAST 2025)
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace paretune {

inline constexpr int kMooncakeBlockTokens = 512;

struct TraceRow {
  double arrival_s = 0;   // after the first row
  int input_tokens = 1;   // a published 0 is read as 1
  int output_tokens = 1;  // the same
  std::vector<std::int64_t>
      prefix_blocks;  // equal ids from the start on: equal prompt tokens; Azure: none
  bool operator==(const TraceRow&) const = default;
};

struct TraceFormat {
  std::string_view name;
  bool (*looks_like)(std::string_view first_line);
  std::vector<TraceRow> (*parse)(std::string_view text, std::string_view file);
};

extern const TraceFormat kAzureCsv;
extern const TraceFormat kMooncakeJsonl;

inline constexpr std::array<const TraceFormat*, 2> kTraceFormats{&kAzureCsv, &kMooncakeJsonl};

// At least one row, in the order of arrival. Throws std::runtime_error naming `file`, the line and
// what is allowed. format: null to tell it from the first line.
std::vector<TraceRow> parse_trace(std::string_view text, std::string_view file,
                                  const TraceFormat* format = nullptr);
std::vector<TraceRow> load_trace(const std::filesystem::path& file,
                                 const TraceFormat* format = nullptr);

}  // namespace paretune
