#include "runtime/compression/calibration_texts.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "runtime/compression/calibration.h"
#include "runtime/compression/derived_source.h"

namespace paretune {
namespace {

constexpr const char* kTextsSchema = "paretune.calibration/1";
constexpr std::size_t kMostBytes = 64 << 20;  // of a file

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || std::filesystem::is_directory(file))
    throw std::runtime_error(file.string() + ": cannot be read");
  if (text.view().size() > kMostBytes)
    throw std::runtime_error(file.string() + ": found " + std::to_string(text.view().size()) +
                             " bytes, allowed: " + std::to_string(kMostBytes));
  return std::move(text).str();
}

class CalibratedSource final : public DerivedSource {
 public:
  CalibratedSource(std::unique_ptr<ModelSource> source, TokenSequences sequences)
      : DerivedSource(std::move(source)),
        sequences_(std::move(sequences)),
        variant_(source_->variant() + " calibrated on " + calibration_hash(sequences_)) {}

  void read_rows(Weight weight, int layer, int begin, int end,
                 std::span<float> out) const override {
    source_->read_rows(weight, layer, begin, end, out);
  }
  std::span<const std::byte> stored_row(Weight weight, int layer, int row) const override {
    return source_->stored_row(weight, layer, row);
  }
  std::string source_format(Weight weight, int layer) const override {
    return source_->source_format(weight, layer);
  }
  std::string variant() const override { return variant_; }
  std::span<const std::vector<int>> calibration_texts() const override { return sequences_; }

 private:
  const TokenSequences sequences_;
  const std::string variant_;
};

}  // namespace

TokenSequences calibration_windows(std::span<const std::vector<int>> documents, int max_seq_len) {
  const auto window = static_cast<std::size_t>(std::min(Calibration::kTokens, max_seq_len));
  std::size_t left = std::size_t(Calibration::kSequences) * Calibration::kTokens;
  TokenSequences sequences;
  for (std::size_t begin = 0; left > 0; begin += window) {
    bool any = false;
    for (const std::vector<int>& tokens : documents) {
      if (tokens.size() <= begin || left == 0) continue;
      const std::size_t count = std::min({window, tokens.size() - begin, left});
      const auto from = tokens.begin() + static_cast<std::ptrdiff_t>(begin);
      sequences.emplace_back(from, from + static_cast<std::ptrdiff_t>(count));
      left -= count;
      any = true;
    }
    if (!any) break;
  }
  return sequences;
}

TokenSequences read_calibration_text(const std::filesystem::path& file, const Tokenizer& tokenizer,
                                     int max_seq_len) {
  const std::string text = read(file);
  TokenSequences documents;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find("\n\n", begin), text.size());
    const std::string_view document = std::string_view(text).substr(begin, end - begin);
    if (document.find_first_not_of(" \t\r\n") != std::string_view::npos)
      documents.push_back(tokenizer.encode_prompt(document));
    begin = end + 2;
  }
  TokenSequences sequences = calibration_windows(documents, max_seq_len);
  if (sequences.empty())
    throw std::runtime_error(file.string() + ": found no text, allowed: text to calibrate on");
  return sequences;
}

std::string calibration_hash(const TokenSequences& sequences) {
  std::vector<int> all;
  for (const std::vector<int>& tokens : sequences) {
    all.push_back(-static_cast<int>(tokens.size()));
    all.insert(all.end(), tokens.begin(), tokens.end());
  }
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size() * sizeof(int));
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return text;
}

std::string to_json(const TokenSequences& sequences) {
  std::string text = "{\"schema\": \"" + std::string(kTextsSchema) + "\", \"sequences\": [";
  for (std::size_t i = 0; i < sequences.size(); ++i)
    text += (i == 0 ? "\n" : ",\n") + nlohmann::json(sequences[i]).dump();
  return text + "\n]}\n";
}

TokenSequences load_calibration_texts(const std::filesystem::path& file) {
  const std::string text = read(file);
  const auto refuse = [&](const std::string& found) {
    throw std::runtime_error(file.string() + ": found " + found + ", allowed: {\"schema\": \"" +
                             kTextsSchema + "\", \"sequences\": arrays of token ids, none empty}");
  };
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw std::runtime_error(file.string() + ": not JSON: " + error.what());
  }
  if (!json.is_object() || json.size() != 2 ||
      json.value("schema", nlohmann::json()) != kTextsSchema || !json.contains("sequences") ||
      !json["sequences"].is_array() || json["sequences"].empty())
    refuse("something else");
  TokenSequences sequences;
  for (const auto& row : json["sequences"]) {
    if (!row.is_array() || row.empty()) refuse("the sequence " + row.dump());
    std::vector<int>& tokens = sequences.emplace_back();
    for (const auto& token : row) {
      if (!token.is_number_unsigned() || token.get<std::uint64_t>() > (1u << 30))
        refuse("the token " + token.dump());
      tokens.push_back(token.get<int>());
    }
  }
  return sequences;
}

std::unique_ptr<ModelSource> calibrated_on(std::unique_ptr<ModelSource> source,
                                           TokenSequences sequences) {
  if (sequences.empty()) return source;
  const ModelShape& shape = source->shape();
  for (std::vector<int>& tokens : sequences) {
    if (static_cast<int>(tokens.size()) > shape.max_seq_len)
      tokens.resize(static_cast<std::size_t>(shape.max_seq_len));
    for (const int token : tokens) {
      if (token < 0 || token >= shape.vocab_size)
        throw std::runtime_error(source->path().string() + ": calibration: found the token " +
                                 std::to_string(token) + ", allowed: 0 to " +
                                 std::to_string(shape.vocab_size - 1));
    }
  }
  return std::make_unique<CalibratedSource>(std::move(source), std::move(sequences));
}

}  // namespace paretune
