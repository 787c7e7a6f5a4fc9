#include "runtime/compression/rotation.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/compression/derived_source.h"

namespace paretune {
namespace {

// Bits of splitmix64 (Steele et al., 2014), one for each channel.
bool negative(std::size_t channel) {
  std::uint64_t z = (channel + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return ((z ^ (z >> 31)) & 1) != 0;
}

// The norm whose weights scale what this one reads of the stream.
std::optional<Weight> norm_before(Weight weight) {
  switch (weight) {
    case Weight::attn_q:
    case Weight::attn_k:
    case Weight::attn_v:
      return Weight::attn_norm;
    case Weight::ffn_gate:
    case Weight::ffn_up:
    case Weight::ffn_router:
    case Weight::expert_gate:
    case Weight::expert_up:
      return Weight::ffn_norm;
    case Weight::output:
      return Weight::output_norm;
    default:
      return std::nullopt;
  }
}

bool writes(Weight weight) {
  return weight == Weight::attn_output || weight == Weight::ffn_down ||
         weight == Weight::expert_down;
}

bool is_folded_norm(Weight weight) {
  return weight == Weight::attn_norm || weight == Weight::ffn_norm || weight == Weight::output_norm;
}

class RotatedModel final : public DerivedSource {
 public:
  using DerivedSource::DerivedSource;

  void read_rows(Weight weight, int layer, int row_begin, int row_end,
                 std::span<float> out) const override {
    if (is_folded_norm(weight)) {
      std::ranges::fill(out, 1.0f);
    } else if (writes(weight)) {
      const std::shared_ptr<const std::vector<float>> matrix = whole(weight, layer);
      const auto columns = static_cast<std::size_t>(weight_shape(weight)[1]);
      std::copy_n(matrix->begin() +
                      static_cast<std::ptrdiff_t>(static_cast<std::size_t>(row_begin) * columns),
                  out.size(), out.begin());
    } else {
      source_->read_rows(weight, layer, row_begin, row_end, out);
      const std::optional<Weight> norm = norm_before(weight);
      if (!norm && weight != Weight::token_embedding) return;
      const auto d = static_cast<std::size_t>(shape().d_model);
      std::vector<float> scale;
      if (norm) {
        const bool of_expert = weight_info(weight).repeats == Repeats::per_expert;
        scale.resize(d);
        source_->read_rows(*norm, of_expert ? layer / shape().n_experts : layer, 0, 1, scale);
      }
      for (std::size_t at = 0; at < out.size(); at += d) {
        const std::span<float> row = out.subspan(at, d);
        for (std::size_t j = 0; j < scale.size(); ++j) row[j] *= scale[j];
        rotate_stream(row);
      }
    }
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    assert(!changes(weight));
    return source_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return changes(weight) ? "F32" : source_->source_format(weight, layer);
  }
  std::string variant() const override { return source_->variant() + " rotated"; }

 private:
  static bool changes(Weight weight) {
    return weight == Weight::token_embedding || norm_before(weight) || writes(weight) ||
           is_folded_norm(weight);
  }

  // Each row depends on all of the matrix, so that it is computed whole. The last few are kept, for
  // rows are asked for in turns.
  std::shared_ptr<const std::vector<float>> whole(Weight weight, int layer) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(recent_, std::pair(weight, layer), &Recent::key);
    if (found != recent_.end()) return found->matrix;
    const auto [rows, columns] = weight_shape(weight);
    auto matrix = std::make_shared<std::vector<float>>(static_cast<std::size_t>(rows) *
                                                       static_cast<std::size_t>(columns));
    source_->read_rows(weight, layer, 0, rows, *matrix);
    rotate_stream_rows(*matrix, static_cast<std::size_t>(rows), static_cast<std::size_t>(columns));
    constexpr std::size_t kKept = 2;
    recent_.push_front({{weight, layer}, matrix});
    if (recent_.size() > kKept) recent_.pop_back();
    return matrix;
  }

  struct Recent {
    std::pair<Weight, int> key;
    std::shared_ptr<const std::vector<float>> matrix;
  };
  mutable std::mutex mutex_;
  mutable std::list<Recent> recent_;
};

}  // namespace

void rotate_stream_rows(std::span<float> w, std::size_t rows, std::size_t columns) {
  const std::size_t block = rows & (~rows + 1);  // the largest power of two that divides it
  const float scale = 1 / std::sqrt(static_cast<float>(block));
  for (std::size_t i = 0; i < rows; ++i) {
    const float factor = negative(i) ? -scale : scale;
    for (std::size_t j = 0; j < columns; ++j) w[i * columns + j] *= factor;
  }
  for (std::size_t begin = 0; begin < rows; begin += block) {
    for (std::size_t half = 1; half < block; half *= 2) {
      for (std::size_t i = begin; i < begin + block; i += 2 * half) {
        for (std::size_t r = i; r < i + half; ++r) {
          float* const a = w.data() + r * columns;
          float* const b = a + half * columns;
          for (std::size_t j = 0; j < columns; ++j) {
            const float sum = a[j] + b[j];
            b[j] = a[j] - b[j];
            a[j] = sum;
          }
        }
      }
    }
  }
}

void rotate_stream(std::span<float> v) { rotate_stream_rows(v, v.size(), 1); }

std::unique_ptr<ModelSource> rotated(std::unique_ptr<ModelSource> source) {
  return std::make_unique<RotatedModel>(std::move(source));
}

}  // namespace paretune
