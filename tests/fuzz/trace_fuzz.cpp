// Any bytes as a trace: refused with a message, or read as rows in order with at least one token
// each way.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "workloads/length.h"
#include "workloads/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paretune;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<TraceRow> rows;
  try {
    rows = parse_trace(text, "fuzz");
  } catch (const std::runtime_error&) {
    return 0;
  }
  if (rows.empty()) std::abort();
  double last_s = 0;
  for (const TraceRow& row : rows) {
    if (!(row.arrival_s >= last_s) || row.input_tokens < 1 || row.input_tokens > kMaxSeqLen ||
        row.output_tokens < 1)
      std::abort();
    last_s = row.arrival_s;
  }
  return 0;
}
