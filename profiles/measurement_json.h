// Measurements as JSON text, for the store and for handing a result from a child process to its
// parent.
//
// Exact and strict, as field_json.h says; one line, keys as the fields are called. Texts are kept
// with the build that wrote them, so there is no reading of older ones.
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

// Likewise, for what a quality gate found of one capability.
std::string to_json(const Capability& capability);
Capability parse_capability(std::string_view json, const std::string& where);

// Likewise, for single runs under load.
std::string to_json(const LoadRun& run);
LoadRun parse_load_run(std::string_view json, const std::string& where);

}  // namespace paretune
