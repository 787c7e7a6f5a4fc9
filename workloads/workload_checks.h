// Rules between the keys of workload.json, which no single value can break. For this folder's .cpp
// files.
#pragma once

#include "workloads/strict_json.h"
#include "workloads/workload.h"

namespace paretune {

// root: the JSON that `workload` was read from, for the places in messages.
void check_workload(const JsonPlace& root, const Workload& workload);

}  // namespace paretune
