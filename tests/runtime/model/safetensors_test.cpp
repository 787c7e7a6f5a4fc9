#include "runtime/model/safetensors.h"

#include <gtest/gtest.h>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/gguf_builder.h"

namespace paretune {
namespace {

Bytes file_of(const std::string& header, std::size_t data_bytes) {
  Bytes bytes;
  append_string(bytes, header);
  for (std::size_t i = 0; i < data_bytes; ++i) bytes.push_back(static_cast<std::byte>(i));
  return bytes;
}

constexpr const char* kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
    R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )";

TEST(Safetensors, FindsTensors) {
  const Bytes bytes = file_of(kGood, 20);
  const TensorMap tensors = read_safetensors(bytes, "test.safetensors");
  ASSERT_EQ(tensors.size(), 2u);
  const FileTensor& b = tensors.at("b");
  EXPECT_EQ(b.type->name, "BF16");
  EXPECT_EQ(b.dims, (std::vector<std::uint64_t>{2, 3}));
  ASSERT_EQ(b.data.size(), 12u);
  EXPECT_EQ(b.data[0], std::byte{8});
}

TEST(Safetensors, EveryTruncationIsRefused) {
  const Bytes bytes = file_of(kGood, 20);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const Bytes head(bytes.begin(), bytes.begin() + n);
    EXPECT_THROW(read_safetensors(head, "test.safetensors"), std::runtime_error) << n;
  }
}

TEST(Safetensors, NoBitFlipCrashes) {
  const Bytes bytes = file_of(kGood, 20);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    try {
      for (const auto& [name, tensor] : read_safetensors(flipped, "test.safetensors")) {
        std::vector<float> values(tensor.data.size() / tensor.type->block_bytes);
        tensor.type->to_float(tensor.data, values);
      }
    } catch (const std::runtime_error&) {
    }
  }
}

TEST(Safetensors, BadFilesAreRefused) {
  struct Case {
    std::string header;
    std::size_t data_bytes;
    const char* message;
  };
  const auto one = [](const std::string& description) { return R"({"a":)" + description + "}"; };
  const std::vector<Case> cases{
      {"", 8, "must begin with '{'"},
      {"[1]", 8, "must begin with '{'"},
      {"{", 8, "is not valid JSON"},
      {std::string(100000, '{'), 8, "is not valid JSON"},
      {one(std::string(100000, '[')), 8, "nested deeper than 64"},
      {one("1"), 8, "tensor 'a': must be a JSON object"},
      {one(R"({"shape":[2],"data_offsets":[0,8]})"), 8, "$.dtype is missing"},
      {one(R"({"dtype":"F32","data_offsets":[0,8]})"), 8, "$.shape must be an array"},
      {one(R"({"dtype":"F32","shape":[2]})"), 8, "$.data_offsets must be an array"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})"), 8,
       "unknown key 'x' (known: dtype"},
      {one(R"({"dtype":"I64","shape":[1],"data_offsets":[0,8]})"), 8,
       "I64 is not supported (supported: F32, F16, BF16, F8_E4M3)"},
      {one(R"({"dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[0,8]})"), 8,
       "has 5 dimensions; allowed: 0 to 4"},
      {one(R"({"dtype":"F32","shape":[0],"data_offsets":[0,0]})"), 0, "has a dimension of 0"},
      {one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), 8, "whole numbers"},
      {one(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), 8, "whole numbers"},
      {one(R"({"dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8]})"), 8,
       "over 2^64"},
      {one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"), 8,
       "need 12 bytes, but data_offsets span 8"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), 8, "must be [begin, end]"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,16]})"), 8, "must be [begin, end]"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,16]})"), 16, "expected a begin of 0"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), 7, "an end of at most 7"},
      {one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})"), 9,
       "end at byte 8, but there are 9"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "tensor 'b' spans bytes 4 to 12; expected a begin of 8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
       16, "the key 'a' appears twice"},
  };
  for (const Case& c : cases) {
    expect_error([&] { read_safetensors(file_of(c.header, c.data_bytes), "test.safetensors"); },
                 c.message, c.header.substr(0, 100));
  }
  Bytes huge = file_of(kGood, 20);
  huge[7] = std::byte{0xff};
  expect_error([&] { read_safetensors(huge, "test.safetensors"); },
               "bytes long; allowed: 100000000");
}

}  // namespace
}  // namespace paretune
