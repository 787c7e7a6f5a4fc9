// Text without special tokens into token ids.
#pragma once

#include <string_view>
#include <vector>

namespace paretune {

class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  virtual void encode(std::string_view text, std::vector<int>& ids) const = 0;
};

}  // namespace paretune
