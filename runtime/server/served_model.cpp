#include "runtime/server/served_model.h"

#include <algorithm>
#include <cassert>
#include <ctime>

#include "runtime/server/api_error.h"

namespace paretune {
namespace {

// A running sequence reserves cache for all it may sample, so a request that sets no limit gets its
// share of the cache, or this if that is more: enough for most answers.
constexpr int kGenerousAnswer = 1024;

std::tm local_time(std::int64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

std::string joined(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

}  // namespace

ServedModel::ServedModel(const LoadedModel& loaded, const DeployConfig& config,
                         std::vector<std::string> names)
    : loaded_(loaded), names_(std::move(names)) {
  assert(!names_.empty());
  const int cache_tokens = config.kv_cache_tokens / config.kv_page_tokens * config.kv_page_tokens;
  context_tokens_ = std::min(loaded_.source->shape().max_seq_len, cache_tokens);
  default_max_tokens_ = std::max(cache_tokens / config.max_batch_size, kGenerousAnswer);
  for (int id = 0; id < tokenizer().vocab_size(); ++id) {
    longest_token_bytes_ = std::max({longest_token_bytes_, tokenizer().token_bytes(id).size(),
                                     tokenizer().token_text(id).size()});
  }
}

int ServedModel::max_tokens(const CompletionRequest& request, int prompt_tokens) const {
  return std::min(request.max_tokens.value_or(default_max_tokens_),
                  context_tokens_ - prompt_tokens);
}

void ServedModel::check_name(const std::string& name) const {
  if (name.empty() || std::ranges::find(names_, name) != names_.end()) return;
  throw ApiError(404, "the model \"" + name + "\" is not served here; served: " + joined(names_),
                 "model", "model_not_found");
}

// Keeps megabytes that cannot fit from being tokenized on the I/O thread.
void ServedModel::refuse_hopelessly_long(std::size_t bytes, const std::string& param) const {
  if (bytes / longest_token_bytes_ <= static_cast<std::size_t>(context_tokens_)) return;
  throw ApiError(400,
                 param + ": " + std::to_string(bytes) +
                     " bytes of text cannot fit the context of " + std::to_string(context_tokens_) +
                     " tokens",
                 param, "context_length_exceeded");
}

std::vector<int> ServedModel::encode_text(const std::string& text, const std::string& param) const {
  refuse_hopelessly_long(text.size(), param);
  return tokenizer().encode_prompt(text);
}

std::vector<int> ServedModel::encode_messages(const std::vector<ChatMessage>& messages,
                                              std::vector<std::pair<std::string, bool>> switches,
                                              std::int64_t unix_seconds) const {
  if (!loaded_.chat) {
    throw ApiError(
        400, "this model has no chat template (" + loaded_.chat_error + "); use /v1/completions",
        "messages");
  }
  std::size_t bytes = 0;
  for (const ChatMessage& message : messages) bytes += message.content.size();
  refuse_hopelessly_long(bytes, "messages");
  try {
    return encode_chat(*loaded_.chat, tokenizer(), messages,
                       {.now = local_time(unix_seconds), .switches = std::move(switches)});
  } catch (
      const std::runtime_error& error) {  // e.g. "roles must alternate", raised by the template
    throw ApiError(400,
                   std::string("messages: the model's chat template refuses them: ") + error.what(),
                   "messages");
  }
}

}  // namespace paretune
