#include "bench/synthetic_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <iterator>
#include <numeric>

#include "runtime/model/gguf.h"
#include "runtime/model/mapped_file.h"
#include "runtime/model/model_source.h"
#include "runtime/tokenizer/tokenizer.h"
#include "tests/runtime/model/expect_error.h"

namespace paretune {
namespace {

namespace fs = std::filesystem;

class SyntheticModelTest : public testing::Test {
 protected:
  SyntheticModelTest() { fs::create_directories(folder_); }
  ~SyntheticModelTest() override { fs::remove_all(folder_); }

  fs::path write(const SyntheticShape& shape, const SyntheticType& type,
                 const std::string& name = "model.gguf") const {
    write_synthetic_model(shape, type, folder_ / name);
    return folder_ / name;
  }

  const fs::path folder_ =
      fs::temp_directory_path() / ("paretune_synthetic_" + std::to_string(getpid()));
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<float> read_all(const ModelSource& source, Weight weight, int layer) {
  const auto [rows, columns] = source.weight_shape(weight);
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  source.read_rows(weight, layer, 0, rows, values);
  return values;
}

TEST_F(SyntheticModelTest, OpensWithItsShapeInEveryType) {
  const SyntheticShape& tiny = find_synthetic_shape("tiny");
  for (const SyntheticType& type : kSyntheticTypes) {
    const auto source = open_model(write(tiny, type));
    const ModelShape& shape = source->shape();
    EXPECT_EQ(shape.architecture, "llama");
    EXPECT_EQ(shape.n_layers, tiny.n_layers);
    EXPECT_EQ(shape.d_model, tiny.d_model);
    EXPECT_EQ(shape.d_ff, tiny.d_ff);
    EXPECT_EQ(shape.n_heads, tiny.n_heads);
    EXPECT_EQ(shape.n_kv_heads, tiny.n_kv_heads);
    EXPECT_EQ(shape.head_dim, tiny.head_dim);
    EXPECT_EQ(shape.vocab_size, tiny.vocab_size);
    EXPECT_EQ(shape.max_seq_len, tiny.max_seq_len);
    EXPECT_FALSE(shape.tied_output);
    std::string format = source->source_format(Weight::attn_q, 1);
    std::ranges::transform(format, format.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(format, type.name);
    EXPECT_EQ(source->source_format(Weight::ffn_norm, 1), "F32");
  }
}

// 0.02 to 10 %: the table repeats itself, so that a matrix has fewer independent values than
// numbers, and codes of four bits round.
TEST_F(SyntheticModelTest, WeightsAreSpreadLikeAModels) {
  for (const SyntheticType& type : kSyntheticTypes) {
    const auto source = open_model(write(find_synthetic_shape("tiny"), type));
    for (const Weight weight : {Weight::token_embedding, Weight::ffn_down, Weight::output}) {
      const std::vector<float> values = read_all(*source, weight, 0);
      const double squares = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
      EXPECT_NEAR(std::sqrt(squares / double(values.size())), 0.02, 0.002) << type.name;
    }
    for (const float v : read_all(*source, Weight::attn_norm, 0)) EXPECT_EQ(v, 1);
  }
}

TEST_F(SyntheticModelTest, HasTheTensorsOfItsArchitecture) {
  SyntheticShape qwen3 = find_synthetic_shape("tiny");
  qwen3.architecture = "qwen3";
  qwen3.head_dim = 32;  // heads that together are wider than the model, as Qwen3 4B's
  qwen3.qk_norm = qwen3.tied_output = true;
  const auto source = open_model(write(qwen3, find_synthetic_type("q8_0")));
  EXPECT_TRUE(source->shape().qk_norm);
  EXPECT_TRUE(source->shape().tied_output);
  EXPECT_EQ(source->shape().head_dim, 32);
}

// By the file alone, in llama.cpp's names and order of dims (slowest first here).
TEST_F(SyntheticModelTest, ExpertsAreTensorsOfThreeDimensions) {
  const SyntheticShape& shape = find_synthetic_shape("tiny-moe");
  const MappedFile file(write(shape, find_synthetic_type("q4_0")));
  const Gguf gguf(file.bytes(), "tiny-moe");
  EXPECT_EQ(gguf.get_int("llama.expert_count"), shape.n_experts);
  EXPECT_EQ(gguf.get_int("llama.expert_used_count"), shape.n_experts_used);
  const auto n = [](int value) { return static_cast<std::uint64_t>(value); };
  const std::uint64_t experts = n(shape.n_experts), d = n(shape.d_model), ff = n(shape.d_ff);
  using Dims = std::vector<std::uint64_t>;
  const TensorMap& tensors = gguf.tensors();
  EXPECT_EQ(tensors.at("blk.1.ffn_gate_inp.weight").dims, (Dims{experts, d}));
  EXPECT_EQ(tensors.at("blk.1.ffn_gate_inp.weight").type->name, "F32");
  EXPECT_EQ(tensors.at("blk.1.ffn_gate_exps.weight").dims, (Dims{experts, ff, d}));
  EXPECT_EQ(tensors.at("blk.1.ffn_up_exps.weight").dims, (Dims{experts, ff, d}));
  EXPECT_EQ(tensors.at("blk.1.ffn_down_exps.weight").dims, (Dims{experts, d, ff}));
  EXPECT_FALSE(tensors.contains("blk.1.ffn_up.weight"));
}

TEST_F(SyntheticModelTest, TextBecomesBytesAndComesBack) {
  const auto source = open_model(write(find_synthetic_shape("tiny"), find_synthetic_type("q4_0")));
  const Tokenizer tokenizer(source->tokenizer());
  const std::string text = "Grüße, 2 cores";
  std::string decoded = tokenizer.decode(tokenizer.encode(text));
  EXPECT_NE(decoded.find(text), std::string::npos) << decoded;
}

TEST_F(SyntheticModelTest, SameArgumentsSameBytesAndNoPartBehind) {
  const SyntheticShape& tiny = find_synthetic_shape("tiny");
  for (const SyntheticType& type : kSyntheticTypes) {
    EXPECT_EQ(bytes_of(write(tiny, type, "a")), bytes_of(write(tiny, type, "b"))) << type.name;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
}

TEST_F(SyntheticModelTest, ErrorsNameTheCauseAndWhatIsKnown) {
  expect_error([] { find_synthetic_shape("2b"); }, "0.5b, 1.1b");
  expect_error([] { find_synthetic_type("q5_0"); }, "f16, bf16, q8_0, q4_0");
  expect_error([&] { write(find_synthetic_shape("tiny"), kSyntheticTypes[0], "no/such/folder"); },
               "no/such/folder");
}

}  // namespace
}  // namespace paretune
