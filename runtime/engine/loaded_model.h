// A model ready to answer: file, tokenizer, chat template, packed weights and threads, opened for
// one config.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "runtime/chat/encode_chat.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/model.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/tokenizer/tokenizer.h"

namespace paretune {

struct LoadedModel {
  std::unique_ptr<ModelSource> source;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<ThreadPool> pool;
  std::unique_ptr<Model> model;
  std::optional<ChatTemplate>
      chat;                // the model's own, or the built-in one that fits its vocabulary
  std::string chat_error;  // why there is none: the model still completes plain text

  // A fresh engine with an empty cache.
  std::unique_ptr<Engine> engine(const DeployConfig& config) const;
};

// Packs the model's weights as config says, or takes them as they were packed. packs: for what is
// gathered of the model, and for packed matrices where `matrices` is null. Throws
// std::runtime_error naming the file and what is wrong.
LoadedModel load_model(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                       const KernelTable& kernels = {}, PackCache* packs = nullptr,
                       PackStore* matrices = nullptr);

}  // namespace paretune
