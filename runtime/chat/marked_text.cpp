#include "runtime/chat/marked_text.h"

#include <algorithm>

namespace paretune::chat {

MarkedText::MarkedText(std::string text, bool from_template) : bytes_(std::move(text)) {
  if (!bytes_.empty()) runs_.push_back({bytes_.size(), from_template});
}

void MarkedText::append(std::string_view text, bool from_template) {
  if (text.empty()) return;
  bytes_ += text;
  if (!runs_.empty() && runs_.back().from_template == from_template) {
    runs_.back().end = bytes_.size();
  } else {
    runs_.push_back({bytes_.size(), from_template});
  }
}

void MarkedText::append(const MarkedText& text, std::size_t begin, std::size_t end) {
  while (begin < end) {
    const Run& run = text.run_at(begin);
    const std::size_t stop = std::min(run.end, end);
    append(text.bytes().substr(begin, stop - begin), run.from_template);
    begin = stop;
  }
}

MarkedText MarkedText::substr(std::size_t begin, std::size_t end) const {
  MarkedText part;
  part.append(*this, begin, end);
  return part;
}

const MarkedText::Run& MarkedText::run_at(std::size_t offset) const {
  return *std::upper_bound(runs_.begin(), runs_.end(), offset,
                           [](std::size_t at, const Run& run) { return at < run.end; });
}

}  // namespace paretune::chat
