#include "runtime/model/byte_reader.h"

namespace paretune {

std::string in_quotes(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string text = "'";
  for (const char c : name.substr(0, kShown)) text += (c < 0x20 || c > 0x7e) ? '?' : c;
  return text + (name.size() > kShown ? "...'" : "'");
}

}  // namespace paretune
