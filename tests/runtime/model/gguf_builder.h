// Writes GGUF files for tests, good ones and, by its public fields, bad ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace paretune {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

inline void append_string(Bytes& out, const std::string& text) {
  append<std::uint64_t>(out, text.size());
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
}

inline Bytes float_bytes(std::span<const float> values) {
  Bytes out(values.size_bytes());
  std::memcpy(out.data(), values.data(), out.size());
  return out;
}

struct GgufBuilder {
  struct Pair {
    std::string key;
    Bytes value;  // its type first
  };
  struct Tensor {
    std::string name;
    std::vector<std::uint64_t> dims;  // as GGUF stores them: fastest first
    std::uint32_t type = 0;
    Bytes data;
    std::optional<std::uint64_t> offset = std::nullopt;  // otherwise where the data goes
  };

  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::optional<std::uint64_t> n_tensors = std::nullopt;  // otherwise as many as there are
  std::optional<std::uint64_t> n_pairs = std::nullopt;
  std::uint64_t alignment = 32;
  std::vector<Pair> pairs;
  std::vector<Tensor> tensors;

  // Replaces the pair if it is there.
  void put(const std::string& key, std::uint32_t type, const Bytes& value) {
    Bytes bytes;
    append(bytes, type);
    bytes.insert(bytes.end(), value.begin(), value.end());
    for (Pair& pair : pairs) {
      if (pair.key == key) {
        pair.value = bytes;
        return;
      }
    }
    pairs.push_back({key, bytes});
  }
  template <class T>
  void put_number(const std::string& key, std::uint32_t type, T value) {
    Bytes bytes;
    append(bytes, value);
    put(key, type, bytes);
  }
  void put_u32(const std::string& key, std::uint32_t value) { put_number(key, 4, value); }
  void put_f32(const std::string& key, float value) { put_number(key, 6, value); }
  void put_bool(const std::string& key, bool value) { put_number<std::uint8_t>(key, 7, value); }
  void put_string(const std::string& key, const std::string& value) {
    Bytes bytes;
    append_string(bytes, value);
    put(key, 8, bytes);
  }
  template <class T>
  void put_array(const std::string& key, std::uint32_t type, const std::vector<T>& values) {
    Bytes bytes;
    append(bytes, type);
    append<std::uint64_t>(bytes, values.size());
    for (const T& value : values) {
      if constexpr (std::is_same_v<T, std::string>) {
        append_string(bytes, value);
      } else {
        append(bytes, value);
      }
    }
    put(key, 9, bytes);
  }
  void erase(const std::string& key) {
    std::erase_if(pairs, [&](const Pair& pair) { return pair.key == key; });
  }
  void erase_tensor(const std::string& name) {
    std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name == name; });
  }
  Tensor& tensor(const std::string& name) {
    for (Tensor& tensor : tensors) {
      if (tensor.name == name) return tensor;
    }
    throw std::logic_error("no tensor " + name);
  }
  // dims: slowest first
  void add_floats(const std::string& name, std::vector<std::uint64_t> dims,
                  std::span<const float> values) {
    tensors.push_back({name, {dims.rbegin(), dims.rend()}, 0, float_bytes(values)});
  }

  Bytes build() const {
    Bytes out;
    for (const char c : magic) out.push_back(static_cast<std::byte>(c));
    append(out, version);
    append(out, n_tensors.value_or(tensors.size()));
    append(out, n_pairs.value_or(pairs.size()));
    for (const Pair& pair : pairs) {
      append_string(out, pair.key);
      out.insert(out.end(), pair.value.begin(), pair.value.end());
    }
    std::uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
      append_string(out, tensor.name);
      append(out, static_cast<std::uint32_t>(tensor.dims.size()));
      for (const std::uint64_t dim : tensor.dims) append(out, dim);
      append(out, tensor.type);
      append(out, tensor.offset.value_or(offset));
      offset += (tensor.data.size() + alignment - 1) / alignment * alignment;
    }
    for (const Tensor& tensor : tensors) {
      out.resize((out.size() + alignment - 1) / alignment * alignment);
      out.insert(out.end(), tensor.data.begin(), tensor.data.end());
    }
    return out;
  }
};

}  // namespace paretune
