// The one model that this server answers for: its names, its limits, and prompts into its tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/loaded_model.h"
#include "runtime/server/completion_request.h"

namespace paretune {

class ServedModel {
 public:
  // names: at least one; the first is the id in answers, the others are aliases. loaded must
  // outlive it.
  ServedModel(const LoadedModel& loaded, const DeployConfig& config,
              std::vector<std::string> names);

  const std::string& id() const { return names_.front(); }
  std::span<const std::string> names() const { return names_; }
  const Tokenizer& tokenizer() const { return *loaded_.tokenizer; }

  // Prompt and completion of one sequence together: what the model and the KV cache hold.
  int context_tokens() const { return context_tokens_; }

  // How many tokens a request may sample: what it asked for, if the context has that much room
  // left.
  int max_tokens(const CompletionRequest& request, int prompt_tokens) const;

  // All throw ApiError. unix_seconds: what a template may print as today. An empty name means the
  // one model there is.
  void check_name(const std::string& name) const;  // 404 for any other
  std::vector<int> encode_text(const std::string& text, const std::string& param) const;
  std::vector<int> encode_messages(const std::vector<ChatMessage>& messages,
                                   std::vector<std::pair<std::string, bool>> switches,
                                   std::int64_t unix_seconds) const;

 private:
  void refuse_hopelessly_long(std::size_t bytes, const std::string& param) const;

  const LoadedModel& loaded_;
  std::vector<std::string> names_;
  int context_tokens_;
  int default_max_tokens_;
  std::size_t longest_token_bytes_ = 1;
};

}  // namespace paretune
