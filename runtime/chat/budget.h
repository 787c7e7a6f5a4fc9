// What is left of a render's limits.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/chat/template.h"

namespace paretune::chat {

class Budget {
 public:
  explicit Budget(const TemplateLimits& limits) : limits_(limits) {}

  void step(std::size_t count = 1) {
    if (count > limits_.steps - steps_) refuse("steps", limits_.steps);
    steps_ += count;
  }
  // Looking through n bytes.
  void scan(std::size_t n) { step(1 + n / 64); }
  // Making n bytes of strings or lists.
  void make(std::size_t n) {
    if (n > limits_.value_bytes - made_) refuse("bytes of values", limits_.value_bytes);
    made_ += n;
    step();
  }
  void check_output(std::size_t size) const {
    if (size > limits_.output_bytes) refuse("bytes of output", limits_.output_bytes);
  }
  int depth() const { return limits_.depth; }

 private:
  [[noreturn]] static void refuse(const std::string& what, std::size_t limit) {
    throw ChatTemplateError("the template exceeds its limit of " + std::to_string(limit) + " " +
                            what);
  }

  TemplateLimits limits_;
  std::size_t steps_ = 0;
  std::size_t made_ = 0;
};

}  // namespace paretune::chat
