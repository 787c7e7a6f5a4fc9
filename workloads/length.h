// How many tokens a prompt or an answer has: a law from the catalog and its numbers.
#pragma once

#include <array>
#include <string_view>
#include <vector>

namespace paretune {

inline constexpr int kMaxSeqLen =
    10'000'000;  // longest sequence that a workload may ask for, tokens

struct LengthSpec;

// A row of kLengths. `required` and `optional` are the keys of workload.json that it reads,
// separated by spaces.
struct LengthLaw {
  std::string_view name;
  std::string_view required;
  std::string_view optional;
  // The length at quantile u in [0, 1), before rounding and the bounds.
  double (*quantile)(const LengthSpec& spec, double u);
};

extern const LengthLaw kFixedLength;
extern const LengthLaw kUniformLength;   // integers min to max, both included
extern const LengthLaw kGaussianLength;  // mean `value`, `std_dev`
extern const LengthLaw
    kLognormalLength;  // mean `value`, `std_dev` of the length itself, not of its logarithm
extern const LengthLaw
    kEmpiricalLength;  // `values`, drawn in proportion to `weights` (equal when absent)

inline constexpr std::array<const LengthLaw*, 5> kLengths{
    &kFixedLength, &kUniformLength, &kGaussianLength, &kLognormalLength, &kEmpiricalLength};

struct LengthSpec {
  const LengthLaw* law = &kFixedLength;
  double value = 1;  // the length itself (fixed) or the mean
  double std_dev = 0;
  int min =
      1;  // a draw outside [min, max] moves to the bound, as a server with a limit would answer it
  int max = kMaxSeqLen;
  std::vector<int> values;
  std::vector<double> weights;
  bool operator==(const LengthSpec&) const = default;
};

// The length in tokens at quantile u in [0, 1): rounded to nearest, in [min, max].
int length_at(const LengthSpec& spec, double u);

// The shortest and the longest that the law can draw.
int shortest(const LengthSpec& spec);
int longest(const LengthSpec& spec);

}  // namespace paretune
