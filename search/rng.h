// Chance as a function: the numbers follow from a key (a seed, what is drawn, which decision),
// never from how often somebody drew before, so a resumed study draws what the lost process would
// have drawn.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace paretune {

// SplitMix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195): one 64-bit state, any start is
// as good as another.
class Rng {
 public:
  explicit Rng(std::initializer_list<std::uint64_t> key) {
    for (std::uint64_t part : key) state_ = (*this)() ^ part;
    state_ = (*this)();
  }

  std::uint64_t operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  double uniform() { return double((*this)() >> 11) * 0x1p-53; }             // [0, 1)
  int below(int n) { return int((((*this)() >> 32) * unsigned(n)) >> 32); }  // [0, n); n >= 1

 private:
  std::uint64_t state_ = 0;
};

}  // namespace paretune
