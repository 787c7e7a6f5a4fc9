#include "search/sweep.h"

#include <utility>

namespace paretune {

Sweep::Sweep(std::vector<int> n_choices, Point start)
    : n_choices_(std::move(n_choices)), start_(std::move(start)), current_(start_) {}

std::optional<Point> Sweep::find(const std::function<std::optional<Point>(const Point&)>& accept) {
  for (; !done_; advance()) {
    if (std::optional<Point> found = accept(current_)) return found;
  }
  return std::nullopt;
}

void Sweep::advance() {
  for (std::size_t d = current_.size(); d-- > 0;) {
    if (++current_[d] < n_choices_[d]) break;
    current_[d] = 0;
  }
  done_ = current_ == start_;
}

}  // namespace paretune
