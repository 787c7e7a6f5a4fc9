// One trial as an llm-d Benchmark Report v0.2, for tools that compare runs of different engines.
//
// As github.com/llm-d/llm-d-benchmark has it at 8bc9f1d (2026-08-21), in
// llmdbenchmark/analysis/benchmark_report/schema_v0_2.py; JSON, which is YAML as well. The run is
// the one under the workload's own load. The format has no place for money, quality or intervals:
// these are under results.profiling.paretune, which it leaves free. Percentiles of too few samples
// are left out.
#pragma once

#include <string>

#include "optimizer/study.h"

namespace paretune {

// trial: of the study, and it ran.
std::string benchmark_report(const Study& study, const Trial& trial);

}  // namespace paretune
