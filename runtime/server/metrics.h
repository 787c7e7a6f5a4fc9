// What GET /metrics shows, under vLLM's names, so that its Grafana boards work: Prometheus' text
// format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/).
//
// A request with n choices or several prompts counts as that many: each is a sequence of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/engine/engine.h"
#include "runtime/server/histogram.h"

namespace paretune {

// vLLM's buckets; ITL's begin lower, since small models on CPUs reach milliseconds.
inline constexpr std::array kTtftBounds{0.001, 0.005, 0.01, 0.02,  0.04,  0.06,  0.08, 0.1,
                                        0.25,  0.5,   0.75, 1.0,   2.5,   5.0,   7.5,  10.0,
                                        20.0,  40.0,  80.0, 160.0, 640.0, 2560.0};
inline constexpr std::array kItlBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,
                                       0.15,  0.2,    0.3,   0.4,  0.5,   0.75, 1.0,   2.5,
                                       5.0,   7.5,    10.0,  20.0, 40.0,  80.0};
inline constexpr std::array kE2eBounds{0.3,  0.5,   0.8,   1.0,   1.5,   2.0,    2.5,
                                       5.0,  10.0,  15.0,  20.0,  30.0,  40.0,   50.0,
                                       60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
inline constexpr std::array kTokenBounds{1.0,   2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0,
                                         500.0, 1e3, 2e3, 5e3,  1e4,  2e4,  5e4,   1e5};

// How a sequence ended. error: the engine failed; abort: the client left or the server stopped.
struct EndCounts {
  std::uint64_t stop = 0;
  std::uint64_t length = 0;
  std::uint64_t abort = 0;
  std::uint64_t error = 0;
};

struct ServerMetrics {
  std::uint64_t prompt_tokens = 0;  // of sequences that got a first token, cached ones included
  EndCounts ended;
  Histogram ttft{kTtftBounds};  // seconds, from the request's arrival
  Histogram itl{kItlBounds};    // seconds, each gap
  Histogram e2e{kE2eBounds};    // seconds, of sequences that stop or reach their length
  Histogram request_prompt_tokens{kTokenBounds};  // of those too
  Histogram request_generation_tokens{kTokenBounds};
};

std::string prometheus_text(const ServerMetrics& metrics, const EngineStats& stats,
                            std::string_view model_name);

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

}  // namespace paretune
