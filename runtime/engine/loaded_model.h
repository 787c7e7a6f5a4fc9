// A model ready to answer: file, tokenizer, chat template, packed weights and threads, opened for one config.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "runtime/chat/chat.h"
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

  // A fresh engine with an empty cache.
  std::unique_ptr<Engine> engine(const DeployConfig& config) const;
};

// Opens the file and packs its weights as config says. Throws std::runtime_error naming the file and what is wrong.
LoadedModel load_model(std::unique_ptr<ModelSource> source, const DeployConfig& config);

}  // namespace paretune
