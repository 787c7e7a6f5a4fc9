// Any bytes as a chat template: refused with ChatTemplateError, or rendered within the limits, and
// a user's text is never taken for the template's.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "runtime/chat/template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  // No template can write this character by itself: fuzzed sources that hold it are skipped.
  constexpr std::string_view kUsers = "\xE2\x98\x83";
  if (source.find('\x98') != source.npos || source.find('\\') != source.npos) return 0;
  const std::vector<paretune::ChatMessage> messages{
      {"system", "be " + std::string(kUsers)},
      {"user", std::string(kUsers) + " hi", {{"name", "x"}}}};
  try {
    const paretune::ChatTemplate chat_template(
        source, "fuzz", {.steps = 20'000, .output_bytes = 1 << 16, .value_bytes = 1 << 22});
    for (const auto& segment : chat_template.render(messages, {.bos_token = "<s>"})) {
      if (segment.from_template && segment.text.find(kUsers) != std::string::npos) std::abort();
    }
  } catch (const paretune::ChatTemplateError&) {
  }
  return 0;
}
