#include "runtime/model/gguf_writer.h"

#include "runtime/model/gguf.h"

namespace paretune {

void GgufBytes::string(std::string_view text) {
  number<std::uint64_t>(text.size());
  text_ += text;
}

void GgufBytes::bytes(std::span<const std::byte> more) {
  text_.append(reinterpret_cast<const char*>(more.data()), more.size());
}

void GgufPairs::begin(std::string_view key, std::uint32_t type) {
  bytes_.string(key);
  bytes_.number(type);
  ++count_;
}

void GgufPairs::begin_array(std::string_view key, std::uint32_t type, std::size_t length) {
  begin(key, GgufType::array);
  bytes_.number(type);
  bytes_.number<std::uint64_t>(length);
}

void GgufPairs::put(std::string_view key, std::string_view value) {
  begin(key, GgufType::string);
  bytes_.string(value);
}

void GgufPairs::put(std::string_view key, std::uint32_t value) {
  begin(key, GgufType::u32);
  bytes_.number(value);
}

void GgufPairs::put(std::string_view key, float value) {
  begin(key, GgufType::f32);
  bytes_.number(value);
}

void GgufPairs::put_bool(std::string_view key, bool value) {
  begin(key, GgufType::boolean);
  bytes_.number<std::uint8_t>(value ? 1 : 0);
}

void GgufPairs::put(std::string_view key, std::span<const std::string> values) {
  begin_array(key, GgufType::string, values.size());
  for (const std::string& value : values) bytes_.string(value);
}

void GgufPairs::put(std::string_view key, std::span<const float> values) {
  begin_array(key, GgufType::f32, values.size());
  for (const float value : values) bytes_.number(value);
}

void GgufPairs::put(std::string_view key, std::span<const int> values) {
  begin_array(key, GgufType::i32, values.size());
  for (const std::int32_t value : values) bytes_.number(value);
}

void GgufPairs::copy(std::span<const std::byte> pair) {
  bytes_.bytes(pair);
  ++count_;
}

}  // namespace paretune
