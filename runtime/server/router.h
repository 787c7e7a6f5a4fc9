// Paths and methods into answers.
#pragma once

#include <memory>

#include "runtime/server/completion_service.h"
#include "runtime/server/http_message.h"

namespace paretune {

class Router {
 public:
  // All of them outlive the router. created: when the model was loaded, Unix time.
  Router(const ServedModel& model, CompletionService& completions, const EngineWorker& worker,
         const ServerMetrics& metrics, ServerClock clock);

  // Answers through reply, now or later; whatever goes wrong is an answer too.
  void handle(const HttpRequest& request, const std::shared_ptr<Reply>& reply);

  // What GET /health says: 503 with this reason, from now on.
  void set_unhealthy(std::string reason) { unhealthy_ = std::move(reason); }

 private:
  friend struct Route;

  void dispatch(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void chat(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void completions(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void models(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void model(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void tokenize(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void detokenize(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void health(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void metrics(const HttpRequest& request, const std::shared_ptr<Reply>& reply);
  void index(const HttpRequest& request, const std::shared_ptr<Reply>& reply);

  const ServedModel& model_;
  CompletionService& completions_;
  const EngineWorker& worker_;
  const ServerMetrics& metrics_;
  ServerClock clock_;
  std::int64_t created_;
  std::string unhealthy_;
};

}  // namespace paretune
