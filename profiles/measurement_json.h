// Measurements as JSON text, for the store and for handing a result from a child process to its
// parent.
//
// The round trip is exact: finite numbers are written as the shortest decimal that reads back the
// same; "inf", "-inf" and "nan" are written as strings, as JSON has no numbers for them. One line,
// keys as the fields are called. Read strictly: a missing, unknown or mistyped key throws
// std::runtime_error that names `where` and the JSON path. Texts are kept with the build that wrote
// them, so there is no reading of older ones.
#pragma once

#include <string>
#include <string_view>

#include "profiles/measurement.h"

namespace paretune {

std::string to_json(const Measurement& measurement);
Measurement parse_measurement(std::string_view json, const std::string& where);

// A part of it, for the memo of qualities.
std::string to_json(const Quality& quality);
Quality parse_quality(std::string_view json, const std::string& where);

// Likewise, for single runs under load.
std::string to_json(const LoadRun& run);
LoadRun parse_load_run(std::string_view json, const std::string& where);

}  // namespace paretune
