#include "runtime/model/tokenizer_data.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace paretune {
namespace {

// What ends a turn in the templates of the models we run; files often name only one of them as
// their eos.
constexpr std::array<std::string_view, 6> kEndOfTurn{"<|im_end|>", "<|endoftext|>",   "<|eot_id|>",
                                                     "<|eom_id|>", "<|end_of_text|>", "<|end|>"};

}  // namespace

void finish_tokenizer(TokenizerData& data, int vocab_size, const std::string& where) {
  const auto require = [&](bool condition, const std::string& problem) {
    if (!condition) throw std::runtime_error(where + ": " + problem);
  };
  const std::size_t n = data.tokens.size();
  require(n > 0, "the tokenizer has no tokens");
  require(n <= static_cast<std::size_t>(vocab_size),
          "the tokenizer has " + std::to_string(n) +
              " tokens, but the model's vocabulary size is " + std::to_string(vocab_size));
  if (data.token_types.empty()) data.token_types.assign(n, TokenizerData::kNormal);
  require(data.token_types.size() == n, std::to_string(data.token_types.size()) +
                                            " token types for " + std::to_string(n) + " tokens");
  require(
      data.scores.empty() || data.scores.size() == n,
      std::to_string(data.scores.size()) + " token scores for " + std::to_string(n) + " tokens");
  for (const int type : data.token_types) {
    require(type >= 0 && type <= TokenizerData::kByte,
            "the token type " + std::to_string(type) + " is unknown; known: 0 to 6");
  }
  const auto check_id = [&](const char* name, int id) {
    require(id >= -1 && id < static_cast<int>(n), std::string("the ") + name + " token is number " +
                                                      std::to_string(id) + ", but there are " +
                                                      std::to_string(n) + " tokens");
  };
  check_id("bos", data.bos_id);
  check_id("eos", data.eos_id);
  check_id("unk", data.unk_id);
  check_id("pad", data.pad_id);

  for (std::size_t i = n; i < static_cast<std::size_t>(vocab_size); ++i) {
    data.tokens.push_back("[PAD" + std::to_string(i) + "]");
    data.token_types.push_back(TokenizerData::kUnused);
    if (!data.scores.empty()) data.scores.push_back(0);
  }

  if (data.eos_id >= 0) data.eog_ids.push_back(data.eos_id);
  for (std::size_t i = 0; i < n; ++i) {
    const int type = data.token_types[i];
    if (type != TokenizerData::kControl && type != TokenizerData::kUserDefined) continue;
    if (std::ranges::find(kEndOfTurn, data.tokens[i]) != kEndOfTurn.end()) {
      data.eog_ids.push_back(static_cast<int>(i));
    }
  }
  std::ranges::sort(data.eog_ids);
  data.eog_ids.erase(std::unique(data.eog_ids.begin(), data.eog_ids.end()), data.eog_ids.end());
  for (const int id : data.eog_ids) check_id("end-of-generation", id);
  require(data.eog_ids.empty() || data.eog_ids.front() >= 0,
          "an end-of-generation token is negative");
}

}  // namespace paretune
