#include "runtime/model/gguf.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/runtime/model/expect_error.h"
#include "tests/runtime/model/gguf_builder.h"

namespace paretune {
namespace {

constexpr std::uint64_t kHuge = ~0ull;

// One pair of each kind and two matrices.
GgufBuilder small_file() {
  GgufBuilder file;
  file.put_number<std::uint8_t>("u8", 0, 200);
  file.put_number<std::int8_t>("i8", 1, -100);
  file.put_number<std::uint16_t>("u16", 2, 60000);
  file.put_number<std::int16_t>("i16", 3, -30000);
  file.put_u32("u32", 4000000000);
  file.put_number<std::int32_t>("i32", 5, -2000000000);
  file.put_f32("f32", 0.5f);
  file.put_bool("bool", true);
  file.put_string("string", "hello");
  file.put_number<std::uint64_t>("u64", 10, 1ull << 40);
  file.put_number<std::int64_t>("i64", 11, -(1ll << 40));
  file.put_number<double>("f64", 12, 0.1);
  file.put_array<std::string>("strings", 8, {"a", "", "c"});
  file.put_array<float>("floats", 6, {1.5f, -2.0f});
  file.put_array<std::int32_t>("ints", 5, {3, -4});
  file.put_array<std::uint8_t>("bools", 7, {1, 0});
  file.add_floats("matrix", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  file.add_floats("vector", {2}, std::vector<float>{7, 8});
  return file;
}

void expect_refused(const Bytes& bytes, const std::string& part, const std::string& what = "") {
  expect_error([&] { Gguf(bytes, "test.gguf"); }, part, what);
  expect_error([&] { Gguf(bytes, "test.gguf"); }, "test.gguf: ", what);
}

TEST(Gguf, ReadsEveryKindOfValue) {
  for (const std::uint32_t version : {2, 3}) {
    GgufBuilder file = small_file();
    file.version = version;
    const Bytes bytes = file.build();
    const Gguf gguf(bytes, "test.gguf");
    EXPECT_EQ(gguf.get_int("u8"), 200);
    EXPECT_EQ(gguf.get_int("i8"), -100);
    EXPECT_EQ(gguf.get_int("u16"), 60000);
    EXPECT_EQ(gguf.get_int("i16"), -30000);
    EXPECT_EQ(gguf.get_int("u32"), 4000000000);
    EXPECT_EQ(gguf.get_int("i32"), -2000000000);
    EXPECT_EQ(gguf.get_int("u64"), 1ll << 40);
    EXPECT_EQ(gguf.get_int("i64"), -(1ll << 40));
    EXPECT_EQ(gguf.get_float("f32"), 0.5);
    EXPECT_EQ(gguf.get_float("f64"), 0.1);
    EXPECT_EQ(gguf.find_bool("bool"), true);
    EXPECT_EQ(gguf.get_string("string"), "hello");
    EXPECT_EQ(*gguf.find_strings("strings"), (std::vector<std::string>{"a", "", "c"}));
    EXPECT_EQ(gguf.find_floats("floats"), (std::vector<double>{1.5, -2.0}));
    EXPECT_EQ(gguf.find_ints("ints"), (std::vector<std::int64_t>{3, -4}));
    EXPECT_EQ(std::get<std::vector<bool>>(gguf.metadata().at("bools")),
              (std::vector<bool>{true, false}));
  }
}

TEST(Gguf, FindsTensorsWithDimsSlowestFirst) {
  const Bytes bytes = small_file().build();
  const Gguf gguf(bytes, "test.gguf");
  ASSERT_EQ(gguf.tensors().size(), 2u);
  const FileTensor& matrix = gguf.tensors().at("matrix");
  EXPECT_EQ(matrix.dims, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(matrix.type->name, "F32");
  std::vector<float> values(6);
  matrix.type->to_float(matrix.data, values);
  EXPECT_EQ(values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(Gguf, AlignmentIsHonoured) {
  GgufBuilder file = small_file();
  file.alignment = 256;
  file.put_u32("general.alignment", 256);
  const Bytes bytes = file.build();
  const Gguf gguf(bytes, "test.gguf");
  EXPECT_EQ((gguf.tensors().at("vector").data.data() - bytes.data()) % 256, 0);
}

TEST(Gguf, MissingKeysAndWrongTypesAreNamed) {
  const Bytes bytes = small_file().build();
  const Gguf gguf(bytes, "test.gguf");
  EXPECT_EQ(gguf.find_int("none"), std::nullopt);
  EXPECT_EQ(gguf.find_strings("none"), nullptr);
  expect_error([&] { gguf.get_int("none"); },
               "test.gguf: the key 'none' is missing; expected an integer");
  expect_error([&] { gguf.find_int("string"); },
               "the key 'string' is a string; expected an integer");
  expect_error([&] { gguf.find_float("strings"); }, "is an array of strings; expected a number");
  expect_error([&] { gguf.find_bool("u8"); }, "is an integer; expected a boolean");
  expect_error([&] { gguf.get_string("f32"); }, "is a float; expected a string");
  expect_error([&] { gguf.find_strings("ints"); }, "expected an array of strings");
  expect_error([&] { gguf.find_floats("ints"); }, "expected an array of floats");
  expect_error([&] { gguf.find_ints("floats"); }, "expected an array of integers");
}

TEST(Gguf, EveryTruncationIsRefused) {
  const Bytes bytes = small_file().build();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const Bytes head(
        bytes.begin(),
        bytes.begin() + n);  // its own allocation, so that ASan sees a read past its end
    EXPECT_THROW(Gguf(head, "test.gguf"), std::runtime_error) << n << " of " << bytes.size();
  }
}

// A flipped bit may leave a good file; then every tensor must still lie inside it.
TEST(Gguf, NoBitFlipCrashes) {
  const Bytes bytes = small_file().build();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    try {
      const Gguf gguf(flipped, "test.gguf");
      for (const auto& [name, tensor] : gguf.tensors()) {
        std::uint64_t n = 1;
        for (const std::uint64_t dim : tensor.dims) n *= dim;
        ASSERT_EQ(tensor.data.size(), n / tensor.type->block_size * tensor.type->block_bytes);
        std::vector<float> values(n);
        tensor.type->to_float(tensor.data, values);
      }
    } catch (const std::runtime_error&) {
    }
  }
}

TEST(Gguf, BadFilesAreRefused) {
  struct Case {
    const char* what;
    std::function<void(GgufBuilder&)> spoil;
    const char* message;
  };
  const std::vector<Case> cases{
      {"magic", [](GgufBuilder& f) { f.magic = "GGML"; }, "is not a GGUF file"},
      {"version 1", [](GgufBuilder& f) { f.version = 1; },
       "GGUF version 1 is not supported (supported: 2, 3"},
      {"version 4", [](GgufBuilder& f) { f.version = 4; }, "GGUF version 4 is not supported"},
      {"big-endian", [](GgufBuilder& f) { f.version = 3 << 24; }, "version 3 in big-endian"},
      {"tensor count", [](GgufBuilder& f) { f.n_tensors = kHuge; },
       "18446744073709551615 tensors; allowed: 65536"},
      {"tensor count + 1", [](GgufBuilder& f) { f.n_tensors = 3; }, "a tensor name"},
      {"pair count", [](GgufBuilder& f) { f.n_pairs = 1ull << 62; },
       "metadata pairs; allowed: 65536"},
      {"pair count + 1", [](GgufBuilder& f) { f.n_pairs = f.pairs.size() + 1; }, ""},
      {"value type", [](GgufBuilder& f) { f.put("x", 13, {}); },
       "'x' has the unknown type 13; known: 0 to 12"},
      {"element type", [](GgufBuilder& f) { f.put_array<float>("x", 77, {1}); },
       "elements of the unknown type 77"},
      {"nested array",
       [](GgufBuilder& f) {
         f.put_array<std::uint32_t>("x", 9, {4, 0, 0});
       },
       "array of arrays"},
      {"boolean", [](GgufBuilder& f) { f.put_number<std::uint8_t>("x", 7, 2); },
       "boolean 2; allowed: 0, 1"},
      {"string length", [](GgufBuilder& f) { f.put_number<std::uint64_t>("x", 8, kHuge); },
       "'x' is 18446744073709551615 bytes"},
      {"string past the end", [](GgufBuilder& f) { f.put_number<std::uint64_t>("x", 8, 1 << 20); },
       "bytes, but"},
      {"array length",
       [](GgufBuilder& f) {
         Bytes value;
         append<std::uint32_t>(value, 10);
         append<std::uint64_t>(value, (1ull << 61) + 1);  // times 8 wraps to 8
         f.put("x", 9, value);
       },
       "elements; allowed"},
      {"array past the end",
       [](GgufBuilder& f) {
         Bytes value;
         append<std::uint32_t>(value, 8);
         append<std::uint64_t>(value, 1 << 30);
         f.put("x", 9, value);
       },
       "needs 8589934592 bytes"},
      {"empty key", [](GgufBuilder& f) { f.put_u32("", 1); }, "a metadata key is empty"},
      {"key with NUL", [](GgufBuilder& f) { f.put_u32(std::string("a\0b", 3), 1); },
       "'a?b' holds a NUL"},
      {"long key", [](GgufBuilder& f) { f.put_u32(std::string(70000, 'k'), 1); },
       "70000 bytes long; allowed: 65535"},
      {"duplicate key", [](GgufBuilder& f) { f.pairs.push_back(f.pairs[0]); },
       "the key 'u8' appears twice"},
      {"alignment 0", [](GgufBuilder& f) { f.put_u32("general.alignment", 0); },
       "allowed: a power of two"},
      {"alignment 48", [](GgufBuilder& f) { f.put_u32("general.alignment", 48); },
       "'general.alignment' is 48"},
      {"alignment huge", [](GgufBuilder& f) { f.put_u32("general.alignment", 1u << 31); },
       "allowed: a power of two"},
      {"alignment negative",
       [](GgufBuilder& f) { f.put_number<std::int32_t>("general.alignment", 5, -32); }, "is -32"},
      {"alignment text", [](GgufBuilder& f) { f.put_string("general.alignment", "32"); },
       "expected an integer"},
      {"wrong alignment", [](GgufBuilder& f) { f.put_u32("general.alignment", 8); },
       "has offset 32; expected 24"},
      {"long tensor name", [](GgufBuilder& f) { f.tensors[0].name = std::string(64, 'n'); },
       "64 bytes long; allowed: 63"},
      {"duplicate tensor", [](GgufBuilder& f) { f.tensors[1] = f.tensors[0]; },
       "tensor 'matrix' appears twice"},
      {"no dims", [](GgufBuilder& f) { f.tensors[0].dims = {}; },
       "has 0 dimensions; allowed: 1 to 4"},
      {"5 dims",
       [](GgufBuilder& f) {
         f.tensors[0].dims = {3, 2, 1, 1, 1};
       },
       "has 5 dimensions"},
      {"dim 0",
       [](GgufBuilder& f) {
         f.tensors[0].dims = {3, 0};
       },
       "has a dimension of 0"},
      {"product wraps to 0",
       [](GgufBuilder& f) {
         f.tensors[0].dims = {1ull << 32, 1ull << 32};
       },
       "overflows"},
      {"bytes wrap to 0", [](GgufBuilder& f) { f.tensors[0].dims = {1ull << 62}; }, "overflows"},
      {"dims negative",
       [](GgufBuilder& f) {
         f.tensors[0].dims = {kHuge, 1};
       },
       "overflows"},
      {"tensor past the end", [](GgufBuilder& f) { f.tensors[1].dims = {3}; },
       "needs 12 bytes, but 8 remain"},
      {"unsupported type", [](GgufBuilder& f) { f.tensors[0].type = 21; },
       "IQ3_S is not supported (supported: F32"},
      {"unknown type", [](GgufBuilder& f) { f.tensors[0].type = 0xffffffff; },
       "type number 4294967295"},
      {"part of a block", [](GgufBuilder& f) { f.tensors[0].type = 8; },
       "rows of 3 values; Q8_0 needs a multiple of 32"},
      {"offset wraps", [](GgufBuilder& f) { f.tensors[1].offset = kHuge - 31; }, "expected 32"},
      {"overlap", [](GgufBuilder& f) { f.tensors[1].offset = 0; },
       "tensor 'vector' has offset 0; expected 32"},
      {"hole", [](GgufBuilder& f) { f.tensors[1].offset = 64; }, "has offset 64; expected 32"},
  };
  for (const Case& c : cases) {
    GgufBuilder file = small_file();
    c.spoil(file);
    expect_refused(file.build(), c.message, c.what);
  }
}

}  // namespace
}  // namespace paretune
