// workload.json, read strictly and written canonically. workloads/workload.schema.json documents
// every key.
//
// Refused: an unknown key, a key given twice (also once under an alias), a wrong type, a number out
// of range, shares that do not add up to 1, more than 16 MB or 32 levels. The message names the
// file, the JSON path, what was found and what is allowed:
//   workloads/chat.json: $.traffic[0].input_seq_len.std_dev: found -3, allowed: a number >= 0
// Aliases: isl and prompt_tokens (input_seq_len), osl and output_tokens (output_seq_len),
// request_rate (rate_qps), mean (value), p99p9 (p99.9). A plain integer as a length is short for
// {"distribution": "fixed", "value": n}.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/workload.h"

namespace paretune {

// Opens no file; `file` names the text in messages and anchors relative paths. Throws
// std::runtime_error.
Workload parse_workload(std::string_view json_text, const std::filesystem::path& file);

// Reads the file, and the trace that it names.
Workload load_workload(const std::filesystem::path& file);
// Likewise of a text that was read before.
Workload load_workload(std::string_view json_text, const std::filesystem::path& file);

// One line, sorted keys, aliases resolved, defaults left out: parse_workload(canonical_json(w),
// w.file) == w (but for the trace's rows). Of other files it has the paths, not the content: who
// keys a store by it hashes those as well.
std::string canonical_json(const Workload& workload);

// The parts that a speed trial reads (traffic, arrival, slo, num_requests, warmup_requests, seed)
// and those that a quality measurement reads (quality without its floors, seed): a new price or
// budget leaves the measurements valid.
std::string canonical_speed_json(const Workload& workload);
std::string canonical_quality_json(const Workload& workload);

// Every key that parse_workload knows, aliases included, as "$.traffic[].input_seq_len.std_dev";
// "*" is any name.
std::vector<std::string> workload_keys();

}  // namespace paretune
