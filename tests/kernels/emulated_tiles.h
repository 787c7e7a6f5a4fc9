// AMX in plain C++: what the instructions do to eight tiles (Intel SDM volume 2: TILELOADD,
// TILESTORED, TDPBSSD, TDPBF16PS), and a refusal of what would fault on hardware. Stands in for
// HardwareTiles in matmul_amx.h's loops.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels/amx_tiles.h"
#include "kernels/narrow_float.h"

namespace paretune {

class EmulatedTiles {
 public:
  explicit EmulatedTiles(const TileConfig& config) : config_(config) {
    bool valid = config.palette == 1 && config.start_row == 0;
    for (std::uint8_t byte : config.reserved) valid = valid && byte == 0;
    for (int t = 0; t < 8; ++t) {
      valid = valid && config.rows[t] <= 16 && config.row_bytes[t] <= 64;
      valid = valid && (config.rows[t] == 0) == (config.row_bytes[t] == 0);
    }
    for (int t = 8; t < 16; ++t) valid = valid && config.rows[t] == 0 && config.row_bytes[t] == 0;
    require(valid);
  }

  template <int T>
  void zero() {
    require(config_.rows[T] > 0);
    tiles_[T] = {};
  }

  template <int T>
  void load(const void* from, std::size_t stride) {
    require(config_.rows[T] > 0);
    tiles_[T] = {};
    for (int r = 0; r < config_.rows[T]; ++r) {
      std::memcpy(tiles_[T][r].data(), static_cast<const std::byte*>(from) + r * stride,
                  config_.row_bytes[T]);
    }
  }

  template <int T>
  void store(void* to, std::size_t stride) {
    require(config_.rows[T] > 0);
    for (int r = 0; r < config_.rows[T]; ++r) {
      std::memcpy(static_cast<std::byte*>(to) + r * stride, tiles_[T][r].data(),
                  config_.row_bytes[T]);
    }
  }

  template <int C, int A, int B>
  void dot_int8() {
    check_product<C, A, B>();
    for (int m = 0; m < config_.rows[C]; ++m) {
      for (int k = 0; k < config_.row_bytes[A] / 4; ++k) {
        for (int n = 0; n < config_.row_bytes[C] / 4; ++n) {
          auto sum = get<std::uint32_t>(C, m, n);
          for (int i = 0; i < 4; ++i) {
            sum += std::uint32_t(int(get<std::int8_t>(A, m, 4 * k + i)) *
                                 get<std::int8_t>(B, k, 4 * n + i));
          }
          set(C, m, n, sum);
        }
      }
    }
  }

  // Even and odd products are summed apart, and added to C at the end; subnormals count as zero.
  template <int C, int A, int B>
  void dot_bf16() {
    check_product<C, A, B>();
    for (int m = 0; m < config_.rows[C]; ++m) {
      for (int n = 0; n < config_.row_bytes[C] / 4; ++n) {
        float sums[2] = {0, 0};
        for (int k = 0; k < config_.row_bytes[A] / 4; ++k) {
          for (int i = 0; i < 2; ++i) {
            const float a = flush(bf16_to_f32(get<std::uint16_t>(A, m, 2 * k + i)));
            const float b = flush(bf16_to_f32(get<std::uint16_t>(B, k, 2 * n + i)));
            sums[i] = flush(std::fma(a, b, sums[i]));
          }
        }
        set(C, m, n, flush(flush(get<float>(C, m, n)) + flush(sums[0] + sums[1])));
      }
    }
  }

 private:
  static void require(bool valid) {
    if (!valid) throw std::logic_error("this would fault on AMX");
  }
  static float flush(float v) { return std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }

  template <int C, int A, int B>
  void check_product() const {
    static_assert(C != A && C != B && A != B);
    require(config_.rows[A] == config_.rows[C] && config_.row_bytes[B] == config_.row_bytes[C] &&
            config_.row_bytes[A] % 4 == 0 && config_.row_bytes[A] / 4 == config_.rows[B] &&
            config_.rows[C] > 0 && config_.row_bytes[C] % 4 == 0);
  }

  template <class Number>
  Number get(int tile, int row, int i) const {
    Number value;
    std::memcpy(&value, tiles_[tile][row].data() + i * sizeof(Number), sizeof(Number));
    return value;
  }
  template <class Number>
  void set(int tile, int row, int i, Number value) {
    std::memcpy(tiles_[tile][row].data() + i * sizeof(Number), &value, sizeof(Number));
  }

  TileConfig config_;
  std::array<std::array<std::array<std::byte, 64>, 16>, 8> tiles_{};
};

}  // namespace paretune
