// Keys by channel, values by token, recent tokens exact (KIVI, arXiv:2402.02750): a few channels of
// the keys are far larger than the others in every token, so a grid over one channel of many tokens
// is finer than one over many channels of one token; values have no such channels.
//
// A group of kKvGroup keys, with D = head_dim rounded up to a multiple of kKvGroup:
//   f16 scale[D], f16 minimum[D]   of the channels
//   codes[kKvGroup][D]             of the tokens, packed as pack_group does, 32 channels at a time
#include "kernels/kv_grid.h"

namespace paretune {
namespace {

constexpr std::size_t padded(int head_dim) { return std::size_t(kv_groups(head_dim)) * kKvGroup; }

template <int Bits>
void store_keys(std::span<const float> keys, int head_dim, std::byte* out) {
  const std::size_t d_padded = padded(head_dim);
  std::byte* const minima = out + 2 * d_padded;
  std::byte* const packed = out + 4 * d_padded;
  for (std::size_t begin = 0; begin < d_padded; begin += kKvGroup) {
    std::uint8_t codes[kKvGroup][kKvGroup] = {};  // [token][channel]
    for (std::size_t d = begin; d < begin + kKvGroup; ++d) {
      float channel[kKvGroup] = {};
      std::uint8_t of_channel[kKvGroup];
      for (int t = 0; t < kKvGroup && d < std::size_t(head_dim); ++t) {
        channel[t] = keys[std::size_t(t) * std::size_t(head_dim) + d];
      }
      const KvGrid grid = quantize_group<Bits>(channel, of_channel);
      std::memcpy(out + 2 * d, &grid.scale, 2);
      std::memcpy(minima + 2 * d, &grid.minimum, 2);
      for (int t = 0; t < kKvGroup; ++t) codes[t][d - begin] = of_channel[t];
    }
    for (int t = 0; t < kKvGroup; ++t) {
      pack_group<Bits>(codes[t], packed + (std::size_t(t) * d_padded + begin) * Bits / 8);
    }
  }
}

template <int Bits>
void load_key(const std::byte* group, int index, std::span<float> key) {
  const std::size_t d_padded = padded(int(key.size()));
  const std::byte* const packed = group + 4 * d_padded + std::size_t(index) * d_padded * Bits / 8;
  for (std::size_t d = 0; d < key.size(); ++d) {
    std::uint16_t scale, minimum;
    std::memcpy(&scale, group + 2 * d, 2);
    std::memcpy(&minimum, group + 2 * (d_padded + d), 2);
    const int code = code_in_group<Bits>(packed + d / kKvGroup * kKvCodeBytes<Bits>, d % kKvGroup);
    key[d] = float(code) * f16_to_f32(scale) + f16_to_f32(minimum);
  }
}

// Demo model, 6,000 tokens in short texts (`./dev bench quality --policies all=f32 --kv
// int4_channel,int2_channel`) and in texts of 512: windows of 32, 64 and 128 give a mean KL of
// 0.000031, 0.000003, 0.000001 and 0.0035, 0.0022, 0.0017 with 4 bits, of 0.028, 0.0095, 0.0098 and
// 0.20, 0.15, 0.11 with 2. Rejected: a window that slides with the reader, its last 32 tokens
// always exact as KIVI's values are (0.000002 and 0.0016, 0.0012 and 0.11): a shared prefix would
// have to stay exact wherever another prompt may leave it.
constexpr int kWindow = 64;

}  // namespace

constinit const KvFormat kKvInt4Channel{
    .name = "int4_channel",
    .vector_bytes = kv_int4_bytes,
    .store = store_groups<4>,
    .load = load_groups<4>,
    .window = kWindow,
    .store_keys = store_keys<4>,
    .load_key = load_key<4>,
};
constinit const KvFormat kKvInt2Channel{
    .name = "int2_channel",
    .vector_bytes = kv_int2_bytes,
    .store = store_groups<2>,
    .load = load_groups<2>,
    .window = kWindow,
    .store_keys = store_keys<2>,
    .load_key = load_key<2>,
};

}  // namespace paretune
