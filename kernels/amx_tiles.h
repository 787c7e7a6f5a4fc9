// AMX's eight tile registers behind the few operations that the kernels need, so that tests can run
// the same kernels on an emulation (tests/kernels/emulated_tiles.h). A tile is up to 16 rows of 64
// bytes.
//
// In inline assembly, because GCC 12's intrinsics tell the compiler of 8 of the configuration's 64
// bytes and of none of the memory that a tile load reads or a tile store writes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace paretune {

// What LDTILECFG reads (Intel SDM volume 1, section 18.3).
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  void shape(int tile, int tile_rows, int bytes) {
    rows[tile] = static_cast<std::uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  }
};
static_assert(sizeof(TileConfig) == 64);

struct HardwareTiles {
  // Every thread has tiles of its own. While they are in use, switching threads costs 8 KiB.
  explicit HardwareTiles(const TileConfig& config) {
    asm volatile("ldtilecfg %0" : : "m"(config) : "memory");
  }
  ~HardwareTiles() { asm volatile("tilerelease" : : : "memory"); }
  HardwareTiles(const HardwareTiles&) = delete;
  HardwareTiles& operator=(const HardwareTiles&) = delete;

  template <int T>
  void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  void load(const void* from, std::size_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  void store(void* to, std::size_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(T) : "memory");
  }
  // C (rows, 16) i32 += A (rows, 64) s8 · B, whose row r holds k = 4r … 4r + 3 of 16 columns
  template <int C, int A, int B>
  void dot_int8() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
  // C (rows, 16) f32 += A (rows, 32) bf16 · B, whose row r holds k = 2r, 2r + 1 of 16 columns
  template <int C, int A, int B>
  void dot_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
};

}  // namespace paretune
