// The file: Header, then the arrays as in memory, in the order of for_each_array, then the
// XXH3-64 of all before it.
#include "profiles/quality_reference.h"

#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace paretune {
namespace {

struct Header {
  char magic[8] = {'P', 'T', 'Q', 'R', 'E', 'F', '0', '3'};
  char plan_hash[32] = {};
  std::uint64_t vocab_size = 0, kept = 0, rows = 0, scores = 0, answer_tokens = 0, noise_floor = 0,
                likelihoods = 0;
};

// Both directions walk the same arrays.
void for_each_array(auto& reference, auto&& visit) {
  visit(reference.ids);
  visit(reference.logprobs);
  visit(reference.target_logprobs);
  visit(reference.top1);
  visit(reference.scores);
  visit(reference.noise_floor);
  visit(reference.likelihoods);
  visit(reference.likelihood_ends);
  visit(reference.answer_tokens);
  visit(reference.answer_ends);
}

// Of the pieces in turn, each seeded with the sum so far.
std::uint64_t checksum(const void* bytes, std::size_t size, std::uint64_t before) {
  return XXH3_64bits_withSeed(bytes, size, before);
}

bool ascending(std::span<const std::uint32_t> ends, std::uint64_t most) {
  return std::ranges::is_sorted(ends) && (ends.empty() || ends.back() <= most);
}

}  // namespace

int kept_continuations(std::size_t rows, int vocab_size, std::size_t max_bytes) {
  const auto vocab = std::size_t(vocab_size);
  if (rows == 0 || vocab * sizeof(float) <= max_bytes / rows) return vocab_size;
  return int(std::clamp<std::size_t>(max_bytes / rows / (sizeof(float) + sizeof(std::uint32_t)), 1,
                                     vocab));
}

void save_reference(const QualityReference& reference, const std::filesystem::path& file) {
  Header header;
  header.vocab_size = std::uint64_t(reference.vocab_size);
  header.kept = std::uint64_t(reference.kept);
  header.rows = reference.rows();
  header.scores = reference.scores.size();
  header.answer_tokens = reference.answer_tokens.size();
  header.noise_floor = reference.noise_floor.size();
  header.likelihoods = reference.likelihoods.size();
  std::copy_n(reference.plan_hash.begin(),
              std::min(reference.plan_hash.size(), sizeof header.plan_hash), header.plan_hash);

  const std::filesystem::path unfinished = file.string() + ".part" + std::to_string(getpid());
  std::ofstream out(unfinished, std::ios::binary);
  std::uint64_t sum = 0;
  const auto write = [&](const void* bytes, std::size_t size) {
    sum = checksum(bytes, size, sum);
    out.write(static_cast<const char*>(bytes), std::streamsize(size));
  };
  write(&header, sizeof header);
  for_each_array(reference,
                 [&](const auto& array) { write(array.data(), array.size() * sizeof array[0]); });
  const std::uint64_t total = sum;
  write(&total, sizeof total);
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(unfinished, file, error);
  if (!out || error) {
    std::filesystem::remove(unfinished, error);
    throw std::runtime_error(
        file.string() + ": the reference cannot be written: check the folder and the disk's space");
  }
}

std::optional<QualityReference> load_reference(const std::filesystem::path& file,
                                               const std::string& plan_hash) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return std::nullopt;
  const auto file_bytes = std::uint64_t(in.tellg());
  in.seekg(0);

  Header header;
  std::uint64_t sum = 0;
  const auto read = [&](void* bytes, std::size_t size) {
    in.read(static_cast<char*>(bytes), std::streamsize(size));
    sum = checksum(bytes, std::size_t(in.gcount()), sum);
    return in.good();
  };
  if (!read(&header, sizeof header) ||
      std::memcmp(header.magic, Header().magic, sizeof header.magic) != 0 ||
      std::string(header.plan_hash, sizeof header.plan_hash) != plan_hash)
    return std::nullopt;
  // Sizes are believed only as far as the file has bytes for them.
  const std::uint64_t vocab = header.vocab_size, kept = header.kept, rows = header.rows,
                      scores = header.scores, answer_tokens = header.answer_tokens,
                      noise_floor = header.noise_floor, likelihoods = header.likelihoods;
  if (vocab > INT32_MAX || kept > vocab || rows > file_bytes || scores > file_bytes ||
      answer_tokens > file_bytes || noise_floor > file_bytes || likelihoods > file_bytes ||
      (kept > 0 && rows > file_bytes / kept))
    return std::nullopt;
  QualityReference reference{.plan_hash = plan_hash, .vocab_size = int(vocab), .kept = int(kept)};
  const std::uint64_t ids = kept < vocab ? rows * kept : 0;
  if (sizeof header + 4 * (ids + rows * kept) + 8 * rows +
          8 * (scores + noise_floor + likelihoods) + 4 * (answer_tokens + 2 * scores) + 8 !=
      file_bytes)
    return std::nullopt;
  reference.ids.resize(ids);
  reference.logprobs.resize(rows * kept);
  reference.target_logprobs.resize(rows);
  reference.top1.resize(rows);
  reference.scores.resize(scores);
  reference.noise_floor.resize(noise_floor);
  reference.likelihoods.resize(likelihoods);
  reference.likelihood_ends.resize(scores);
  reference.answer_tokens.resize(answer_tokens);
  reference.answer_ends.resize(scores);
  for_each_array(reference,
                 [&](auto& array) { read(array.data(), array.size() * sizeof array[0]); });
  const std::uint64_t total = sum;
  std::uint64_t written = 0;
  if (!read(&written, sizeof written) || written != total) return std::nullopt;
  if (!ascending(reference.answer_ends, answer_tokens) ||
      !ascending(reference.likelihood_ends, likelihoods))
    return std::nullopt;
  return reference;
}

}  // namespace paretune
