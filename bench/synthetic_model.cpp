#include "bench/synthetic_model.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/narrow_float.h"

namespace paretune {
namespace {

constexpr float kDeviation = 0.02f;
constexpr int kTableBlocks = 4096;
constexpr std::uint64_t kAlignment = 32;

float uniform(std::mt19937_64& rng) { return static_cast<float>(double(rng() >> 11) * 0x1p-53); }
// Uniform with the deviation asked for: no kernel can tell it from a Gaussian.
float weight(std::mt19937_64& rng) { return (2 * uniform(rng) - 1) * kDeviation * 1.7320508f; }

void put_half(std::uint16_t bits, std::byte* to) { std::memcpy(to, &bits, 2); }

void fill_f16(std::uint64_t seed, std::byte* block) {
  std::mt19937_64 rng(seed);
  for (int i = 0; i < 32; ++i) put_half(f32_to_f16(weight(rng)), block + 2 * i);
}
void fill_bf16(std::uint64_t seed, std::byte* block) {
  std::mt19937_64 rng(seed);
  for (int i = 0; i < 32; ++i) put_half(f32_to_bf16(weight(rng)), block + 2 * i);
}
// f16 scale, then codes: 32 of 8 bits or 32 nibbles (ggml-common.h, block_q8_0 and block_q4_0).
void fill_q8_0(std::uint64_t seed, std::byte* block) {
  std::mt19937_64 rng(seed);
  put_half(f32_to_f16(kDeviation * 1.7320508f / 127), block);
  for (int i = 0; i < 32; ++i) {
    block[2 + i] = static_cast<std::byte>(static_cast<int>(uniform(rng) * 255) - 127);
  }
}
void fill_q4_0(std::uint64_t seed, std::byte* block) {
  std::mt19937_64 rng(seed);
  put_half(f32_to_f16(kDeviation * 1.7320508f / 7.5f), block);
  // Codes 1 to 15 stand for -7 to 7: with -8 the mean of all weights would be half a step below 0,
  // which every layer would amplify.
  const auto code = [&] { return 1 + static_cast<int>(uniform(rng) * 15); };
  for (int i = 0; i < 16; ++i) block[2 + i] = static_cast<std::byte>(code() | code() << 4);
}

// A GGUF header under construction (v3, little endian).
class Header {
 public:
  template <class T>
  void number(T value) {
    const auto* bytes = reinterpret_cast<const char*>(&value);
    text_.append(bytes, sizeof value);
  }
  void string(std::string_view value) {
    number<std::uint64_t>(value.size());
    text_.append(value);
  }
  void key(std::string_view name, std::uint32_t type) {
    string(name);
    number(type);
    ++keys_;
  }
  void u32(std::string_view name, std::uint32_t value) { key(name, 4), number(value); }
  void f32(std::string_view name, float value) { key(name, 6), number(value); }
  void boolean(std::string_view name, bool value) { key(name, 7), number<std::uint8_t>(value); }
  void text(std::string_view name, std::string_view value) { key(name, 8), string(value); }
  void array(std::string_view name, std::uint32_t type, std::uint64_t count) {
    key(name, 9);
    number(type);
    number(count);
  }
  std::uint64_t keys() const { return keys_; }
  const std::string& bytes() const { return text_; }

 private:
  std::string text_;
  std::uint64_t keys_ = 0;
};

struct Tensor {
  std::string name;
  std::vector<std::uint64_t> ne;  // fastest first
  bool matrix = true;
};

std::vector<Tensor> tensors_of(const SyntheticShape& s) {
  const auto d = static_cast<std::uint64_t>(s.d_model), ff = static_cast<std::uint64_t>(s.d_ff),
             vocab = static_cast<std::uint64_t>(s.vocab_size),
             q = static_cast<std::uint64_t>(s.n_heads * s.head_dim),
             kv = static_cast<std::uint64_t>(s.n_kv_heads * s.head_dim),
             experts = static_cast<std::uint64_t>(s.n_experts);
  std::vector<Tensor> all{{"token_embd.weight", {d, vocab}}};
  for (int i = 0; i < s.n_layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    all.push_back({layer + "attn_norm.weight", {d}, false});
    all.push_back({layer + "attn_q.weight", {d, q}});
    all.push_back({layer + "attn_k.weight", {d, kv}});
    all.push_back({layer + "attn_v.weight", {d, kv}});
    all.push_back({layer + "attn_output.weight", {q, d}});
    if (s.qk_norm) {
      const auto head = static_cast<std::uint64_t>(s.head_dim);
      all.push_back({layer + "attn_q_norm.weight", {head}, false});
      all.push_back({layer + "attn_k_norm.weight", {head}, false});
    }
    all.push_back({layer + "ffn_norm.weight", {d}, false});
    if (s.n_experts > 0) {
      all.push_back({layer + "ffn_gate_inp.weight", {d, experts}, false});
      all.push_back({layer + "ffn_gate_exps.weight", {d, ff, experts}});
      all.push_back({layer + "ffn_up_exps.weight", {d, ff, experts}});
      all.push_back({layer + "ffn_down_exps.weight", {ff, d, experts}});
    } else {
      all.push_back({layer + "ffn_gate.weight", {d, ff}});
      all.push_back({layer + "ffn_up.weight", {d, ff}});
      all.push_back({layer + "ffn_down.weight", {ff, d}});
    }
  }
  all.push_back({"output_norm.weight", {d}, false});
  if (!s.tied_output) all.push_back({"output.weight", {d, vocab}});
  return all;
}

std::uint64_t count_of(const Tensor& tensor) {
  std::uint64_t count = 1;
  for (const std::uint64_t n : tensor.ne) count *= n;
  return count;
}

// SentencePiece: <unk>, <s>, </s>, the 256 bytes, its mark of a space (as bytes it would be decoded
// as itself), then words nobody says.
void put_vocabulary(Header& header, int vocab_size) {
  const auto n = static_cast<std::uint64_t>(vocab_size);
  header.text("tokenizer.ggml.model", "llama");
  header.text("tokenizer.ggml.pre", "default");
  header.array("tokenizer.ggml.tokens", 8, n);
  for (int i = 0; i < vocab_size; ++i) {
    char name[24];
    constexpr std::array<const char*, 3> kSpecial{"<unk>", "<s>", "</s>"};
    if (i < 3) {
      std::snprintf(name, sizeof name, "%s", kSpecial[static_cast<std::size_t>(i)]);
    } else if (i < 259) {
      std::snprintf(name, sizeof name, "<0x%02X>", i - 3);
    } else if (i == 259) {
      std::snprintf(name, sizeof name, "\u2581");
    } else {
      std::snprintf(name, sizeof name, "word%d", i);
    }
    header.string(name);
  }
  header.array("tokenizer.ggml.scores", 6, n);
  for (int i = 0; i < vocab_size; ++i) header.number<float>(i < 259 ? 0 : -float(i));
  header.array("tokenizer.ggml.token_type", 5, n);
  for (int i = 0; i < vocab_size; ++i) {
    header.number<std::int32_t>(i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1);
  }
  header.u32("tokenizer.ggml.bos_token_id", 1);
  header.u32("tokenizer.ggml.eos_token_id", 2);
  header.u32("tokenizer.ggml.unknown_token_id", 0);
}

template <class List>
const auto& find(const List& list, std::string_view name, const char* what) {
  std::string known;
  for (const auto& row : list) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw std::runtime_error(std::string(what) + ": found \"" + std::string(name) +
                           "\", allowed: " + known);
}

}  // namespace

const std::array<SyntheticType, 4> kSyntheticTypes{
    SyntheticType{"f16", 1, 1, 32, 64, fill_f16}, SyntheticType{"bf16", 30, 32, 32, 64, fill_bf16},
    SyntheticType{"q8_0", 8, 7, 32, 34, fill_q8_0}, SyntheticType{"q4_0", 2, 2, 32, 18, fill_q4_0}};

const SyntheticShape& find_synthetic_shape(std::string_view name) {
  return find(kSyntheticShapes, name, "shape");
}
const SyntheticType& find_synthetic_type(std::string_view name) {
  return find(kSyntheticTypes, name, "type");
}

void write_synthetic_model(const SyntheticShape& s, const SyntheticType& type,
                           const std::filesystem::path& file) {
  const std::string arch = std::string(s.architecture) + ".";
  const auto u = [](int value) { return static_cast<std::uint32_t>(value); };
  Header header;
  header.text("general.architecture", s.architecture);
  header.text("general.name", "random weights, shape " + std::string(s.name));
  header.u32("general.file_type", type.file_type);
  header.u32("general.quantization_version", 2);
  header.u32(arch + "block_count", u(s.n_layers));
  header.u32(arch + "context_length", u(s.max_seq_len));
  header.u32(arch + "embedding_length", u(s.d_model));
  header.u32(arch + "feed_forward_length", u(s.d_ff));
  header.u32(arch + "attention.head_count", u(s.n_heads));
  header.u32(arch + "attention.head_count_kv", u(s.n_kv_heads));
  header.u32(arch + "attention.key_length", u(s.head_dim));
  header.u32(arch + "attention.value_length", u(s.head_dim));
  header.u32(arch + "rope.dimension_count", u(s.head_dim));
  header.f32(arch + "rope.freq_base", 10000);
  header.f32(arch + "attention.layer_norm_rms_epsilon", 1e-5f);
  header.u32(arch + "vocab_size", u(s.vocab_size));
  if (s.n_experts > 0) {
    header.u32(arch + "expert_count", u(s.n_experts));
    header.u32(arch + "expert_used_count", u(s.n_experts_used));
  }
  put_vocabulary(header, s.vocab_size);

  const std::vector<Tensor> tensors = tensors_of(s);
  Header infos;
  const auto bytes_of = [&](const Tensor& tensor) {
    const std::uint64_t count = count_of(tensor);
    return tensor.matrix ? count / std::uint64_t(type.block_size) * std::uint64_t(type.block_bytes)
                         : count * 4;
  };
  const auto padded = [](std::uint64_t n) {
    return (n + kAlignment - 1) / kAlignment * kAlignment;
  };
  std::uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    infos.string(tensor.name);
    infos.number(static_cast<std::uint32_t>(tensor.ne.size()));
    for (const std::uint64_t n : tensor.ne) infos.number(n);
    infos.number<std::uint32_t>(tensor.matrix ? type.gguf_id : 0);
    infos.number(offset);
    offset += padded(bytes_of(tensor));
  }

  // Whole or not at all: who finds a file takes it for complete.
  const std::filesystem::path part = file.string() + "." + std::to_string(getpid());
  std::ofstream out(part, std::ios::binary);
  Header start;
  start.number<std::uint32_t>(0x46554747);  // "GGUF"
  start.number<std::uint32_t>(3);
  start.number<std::uint64_t>(tensors.size());
  start.number<std::uint64_t>(header.keys());
  std::string head = start.bytes() + header.bytes() + infos.bytes();
  head.resize(padded(head.size()));
  out << head;

  std::vector<std::byte> table(std::size_t(kTableBlocks) * std::size_t(type.block_bytes));
  for (int i = 0; i < kTableBlocks; ++i) {
    type.fill(std::uint64_t(i) + 1, table.data() + std::size_t(i) * std::size_t(type.block_bytes));
  }
  std::mt19937_64 rng(1);
  std::vector<std::byte> buffer;
  for (const Tensor& tensor : tensors) {
    std::uint64_t left = padded(bytes_of(tensor));
    if (!tensor.matrix) {
      // Norms are 1; a router's rows are as random as any.
      std::vector<float> values(left / 4, 1.0f);
      if (tensor.ne.size() > 1) {
        for (float& v : values) v = weight(rng);
      }
      out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(left));
      continue;
    }
    while (left > 0) {  // from anywhere in the table to its end
      const std::uint64_t first = rng() % (kTableBlocks / 2) * std::uint64_t(type.block_bytes);
      const std::uint64_t run = std::min<std::uint64_t>(left, table.size() - first);
      out.write(reinterpret_cast<const char*>(table.data() + first),
                static_cast<std::streamsize>(run));
      left -= run;
    }
  }
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(part, file, error);
  if (!out || error) {
    std::filesystem::remove(part, error);
    throw std::runtime_error(file.string() + ": cannot be written");
  }
}

}  // namespace paretune
