// Runs a fuzz target without libFuzzer: on every file of its corpus, and on mutations of them drawn
// from a fixed seed.
//   replay CORPUS_FOLDER [MUTATIONS_PER_FILE]
// A crash, a sanitizer report or an exception that the target does not expect ends the program, and
// so fails the test.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int kMutationsPerFile = 200;

void run(const Input& input) {
  // An allocation of just this size, so that a sanitizer sees a read past its end.
  const Input copy(input);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

std::vector<Input> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<Input> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// One to four changes: cut, flip a bit, put an extreme integer, copy a piece of another file in.
Input mutate(Input input, const std::vector<Input>& corpus, std::mt19937_64& rng) {
  const auto below = [&](std::size_t n) {
    return n == 0 ? 0 : static_cast<std::size_t>(rng() % n);
  };
  for (std::size_t change = 0, n_changes = 1 + below(4); change < n_changes; ++change) {
    const std::size_t at = below(input.size());
    switch (rng() % 4) {
      case 0:
        input.resize(at);
        break;
      case 1:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1 << rng() % 8);
        break;
      case 2: {
        constexpr std::uint64_t kExtremes[] = {0, 1, 0x7fffffff, 0xffffffff, 1ull << 62, ~0ull};
        const std::uint64_t value = kExtremes[rng() % std::size(kExtremes)];
        for (std::size_t i = 0; i < 8 && at + i < input.size(); ++i) {
          input[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
        }
        break;
      }
      case 3: {
        const Input& other = corpus[below(corpus.size())];
        const std::size_t from = below(other.size());
        const std::size_t n = below(std::min<std::size_t>(other.size() - from, 64));
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                     other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + n));
        break;
      }
    }
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " CORPUS_FOLDER [MUTATIONS_PER_FILE]\n";
    return 2;
  }
  const std::vector<Input> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::cerr << argv[1] << ": holds no files\n";
    return 1;
  }
  const int n_mutations = argc > 2 ? std::atoi(argv[2]) : kMutationsPerFile;
  std::mt19937_64 rng(20260101);
  for (const Input& input : corpus) {
    run(input);
    for (int i = 0; i < n_mutations; ++i) run(mutate(input, corpus, rng));
  }
  std::cout << corpus.size() << " files, " << corpus.size() * static_cast<std::size_t>(n_mutations)
            << " mutations\n";
  return 0;
}
