#include "runtime/engine/text_output.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace paretune {
namespace {

// Bytes at the end of text that are a beginning of stop, and not all of it.
std::size_t begun_bytes(std::string_view text, std::string_view stop) {
  for (std::size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
  }
  return 0;
}

}  // namespace

StopFilter::StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {
  assert(std::ranges::none_of(stops_, &std::string::empty) && "would stop before the first token");
}

std::string StopFilter::push(std::string_view text) {
  if (matched_) return {};
  held_ += text;
  std::size_t match_begin = 0;
  std::size_t match_end = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const std::size_t end = begin + stop.size();
    if (end < match_end || (end == match_end && begin < match_begin)) {
      match_begin = begin;
      match_end = end;
    }
  }
  std::size_t shown = match_begin;
  if (match_end != std::string::npos) {
    matched_ = true;
  } else {
    std::size_t begun = 0;
    for (const std::string& stop : stops_) begun = std::max(begun, begun_bytes(held_, stop));
    shown = held_.size() - begun;
  }
  std::string out = held_.substr(0, shown);
  held_.erase(0, matched_ ? held_.size() : shown);
  return out;
}

std::string StopFilter::finish() { return std::exchange(held_, {}); }

std::string TextOutput::finish() {
  std::string rest = filter_.push(decoder_.finish());
  return rest + filter_.finish();
}

}  // namespace paretune
