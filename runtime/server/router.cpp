#include "runtime/server/router.h"

#include <array>

#include "runtime/server/api_error.h"
#include "runtime/server/json_fields.h"
#include "runtime/server/json_text.h"

namespace paretune {

using nlohmann::ordered_json;

struct Route {
  std::string_view method;
  std::string_view path;  // one that ends in '/' (but "/") matches everything below it
  void (Router::*handle)(const HttpRequest&, const std::shared_ptr<Reply>&);

  bool matches(std::string_view requested) const {
    if (path == "/" || !path.ends_with('/')) return requested == path;
    return requested.size() > path.size() && requested.starts_with(path);
  }
  static const std::array<Route, 9> kAll;
};

constexpr std::array<Route, 9> Route::kAll{
    Route{"POST", "/v1/chat/completions", &Router::chat},
    Route{"POST", "/v1/completions", &Router::completions},
    Route{"GET", "/v1/models", &Router::models},
    Route{"GET", "/v1/models/", &Router::model},
    Route{"POST", "/tokenize", &Router::tokenize},
    Route{"POST", "/detokenize", &Router::detokenize},
    Route{"GET", "/health", &Router::health},
    Route{"GET", "/metrics", &Router::metrics},
    Route{"GET", "/", &Router::index},
};

namespace {

// HEAD is GET without its body, which the session leaves out.
bool allows(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

ordered_json model_json(const std::string& name, std::int64_t created, const ServedModel& model) {
  return {{"id", name},         {"object", "model"},
          {"created", created}, {"owned_by", "paretune"},
          {"root", model.id()}, {"max_model_len", model.context_tokens()}};
}

}  // namespace

Router::Router(const ServedModel& model, CompletionService& completions, const EngineWorker& worker,
               const ServerMetrics& metrics, ServerClock clock)
    : model_(model),
      completions_(completions),
      worker_(worker),
      metrics_(metrics),
      clock_(std::move(clock)),
      created_(clock_.unix_seconds()) {}

void Router::handle(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  try {
    dispatch(request, reply);
  } catch (const ApiError& error) {
    reply->send(to_response(error));
  } catch (
      const std::exception& error) {  // out of memory, say: this request fails, the server goes on
    reply->send(to_response(ApiError(500, error.what())));
  }
}

void Router::dispatch(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  std::string allowed;
  for (const Route& route : Route::kAll) {
    if (!route.matches(request.path)) continue;
    if (allows(route, request.method)) return (this->*route.handle)(request, reply);
    allowed = route.method == "GET" ? "GET, HEAD" : route.method;
  }
  if (allowed.empty()) {
    std::string known;
    for (const Route& route : Route::kAll)
      known += (known.empty() ? "" : ", ") + std::string(route.path);
    throw ApiError(404, "nothing at " + request.path + "; known: " + known, "", "not_found");
  }
  HttpResponse response =
      to_response(ApiError(405, request.path + " takes " + allowed + ", not " + request.method, "",
                           "method_not_allowed"));
  response.headers.emplace_back("Allow", allowed);
  reply->send(std::move(response));
}

void Router::chat(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  completions_.start(Api::chat, request, reply);
}

void Router::completions(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  completions_.start(Api::completions, request, reply);
}

void Router::models(const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  ordered_json list = ordered_json::array();
  for (const std::string& name : model_.names()) list.push_back(model_json(name, created_, model_));
  reply->send({.body = json_text({{"object", "list"}, {"data", std::move(list)}})});
}

void Router::model(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const std::string name = request.path.substr(std::string_view("/v1/models/").size());
  model_.check_name(name);
  reply->send({.body = json_text(model_json(name, created_, model_))});
}

// As vLLM's: {"prompt": text} or {"messages": […]}.
void Router::tokenize(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const nlohmann::json body = parse_body(request.body);
  const JsonFields fields(body, "");
  model_.check_name(fields.string("model").value_or(""));
  std::vector<int> tokens;
  if (const nlohmann::json* messages = fields.find("messages")) {
    tokens = model_.encode_messages(parse_messages(*messages), {}, clock_.unix_seconds());
  } else if (const auto prompt = fields.string("prompt")) {
    tokens = model_.encode_text(*prompt, "prompt");
  } else {
    refuse("prompt", "missing");
  }
  reply->send({.body = json_text({{"count", tokens.size()},
                                  {"max_model_len", model_.context_tokens()},
                                  {"tokens", tokens}})});
}

void Router::detokenize(const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  const nlohmann::json body = parse_body(request.body);
  const JsonFields fields(body, "");
  model_.check_name(fields.string("model").value_or(""));
  const nlohmann::json* tokens = fields.find("tokens");
  if (!tokens) refuse("tokens", "missing");
  if (!tokens->is_array()) refuse_type("tokens", "an array of token ids", *tokens);
  const std::vector<int> ids = parse_token_ids(*tokens, "tokens");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= model_.tokenizer().vocab_size()) {
      refuse("tokens[" + std::to_string(i) + "]",
             std::to_string(ids[i]) + " is not in the vocabulary of " +
                 std::to_string(model_.tokenizer().vocab_size()));
    }
  }
  reply->send({.body = json_text({{"prompt", model_.tokenizer().decode(ids)}})});
}

void Router::health(const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  if (!unhealthy_.empty()) throw ApiError(503, unhealthy_);
  reply->send({.body = json_text({{"status", "ok"}})});
}

void Router::metrics(const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  reply->send({.body = prometheus_text(metrics_, worker_.stats(), model_.id()),
               .content_type = std::string(kPrometheusContentType)});
}

void Router::index(const HttpRequest&, const std::shared_ptr<Reply>& reply) {
  ordered_json paths = ordered_json::array();
  for (const Route& route : Route::kAll) paths.push_back(route.path);
  reply->send({.body = json_text(
                   {{"server", "paretune"}, {"model", model_.id()}, {"paths", std::move(paths)}})});
}

}  // namespace paretune
