// Any bytes as tokenizer.json: refused with std::runtime_error, or a tokenizer that encodes and
// decodes.
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "runtime/tokenizer/tokenizer.h"
#include "runtime/tokenizer/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const paretune::Tokenizer tokenizer(paretune::parse_tokenizer_json(text, "fuzz"));
    tokenizer.decode(tokenizer.encode_prompt(text.substr(0, 4096)));
  } catch (const std::runtime_error&) {
  }
  return 0;
}
