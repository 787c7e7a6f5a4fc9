// What the full-precision model says about a QualityPlan, kept so that every config is compared
// with the same.
//
// Of each predicted token it holds the most likely continuations with their log-probabilities: the
// whole vocabulary as long as the table stays within a bound (then KL divergence is exact), else as
// many as fit, the rest as one lump. Lumping can only lower KL, and by no more than the part of it
// that lies within the lump (data-processing inequality); with the 8,192 continuations that fit for
// 4,096 tokens of a vocabulary of 128k, that is next to nothing. 16-bit rows of the whole
// vocabulary would be no smaller and blur a KL of 1e-4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace paretune {

struct QualityReference {
  std::string plan_hash;
  int vocab_size = 0;
  int kept = 0;  // continuations per row; vocab_size: all of them, in order, and `ids` is empty
  // By row: one for each predicted token, document after document.
  std::vector<std::uint32_t> ids;      // (rows, kept), ascending
  std::vector<float> logprobs;         // (rows, kept)
  std::vector<float> target_logprobs;  // (rows) of the token that follows
  std::vector<std::uint32_t> top1;     // (rows) the most likely; of equals the first
  std::vector<double> scores;          // by question of the plan, of question_scores.h
  // By question: its likelihoods (question_scores.h), one question's after the other's.
  std::vector<double> likelihoods;
  std::vector<std::uint32_t> likelihood_ends;  // (questions) where each one's end
  // By question: the tokens of the answer in the model's own words, one answer after the other.
  std::vector<std::int32_t> answer_tokens;
  std::vector<std::uint32_t> answer_ends;  // (questions) where each one ends
  // {mean KL divergence to the same weights run by other kernels}; empty: not measured.
  std::vector<double> noise_floor;

  std::span<const std::int32_t> answer(std::size_t question) const {
    const std::size_t begin = question == 0 ? 0 : answer_ends[question - 1];
    return std::span(answer_tokens).subspan(begin, answer_ends[question] - begin);
  }
  std::size_t rows() const { return target_logprobs.size(); }
  bool operator==(const QualityReference&) const = default;
};

// Continuations per row that keep the table within max_bytes.
int kept_continuations(std::size_t rows, int vocab_size, std::size_t max_bytes);

// One file, written beside and renamed, with a checksum.
void save_reference(const QualityReference& reference, const std::filesystem::path& file);

// nullopt: there is no such file, or it is damaged, of another version or of another plan, and must
// be measured anew.
std::optional<QualityReference> load_reference(const std::filesystem::path& file,
                                               const std::string& plan_hash);

}  // namespace paretune
