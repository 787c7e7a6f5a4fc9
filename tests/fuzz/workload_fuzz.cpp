// Any bytes as workload.json: refused with a message, or read as a workload that can be written,
// read again and drawn from.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "workloads/requests.h"
#include "workloads/workload_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paretune;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Workload workload;
  try {
    workload = parse_workload(text, "fuzz/w.json");
  } catch (const std::runtime_error&) {
    return 0;
  }
  if (parse_workload(canonical_json(workload), "fuzz/w.json") != workload) std::abort();
  if (workload.arrival.process == &kTrace) workload.trace = {{.input_tokens = 5}, {.arrival_s = 1}};
  for (const RequestSpec& request : make_requests(workload, workload.seed, 3))
    if (request.input_tokens < 1 || request.output_tokens < 1 ||
        request.prefix_tokens >= request.input_tokens || !(request.arrival_s >= 0))
      std::abort();
  return 0;
}
