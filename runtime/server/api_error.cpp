#include "runtime/server/api_error.h"

#include <nlohmann/json.hpp>

#include "runtime/server/json_text.h"

namespace paretune {
namespace {

std::string_view error_type(int status) {
  if (status == 429) return "rate_limit_error";
  if (status == 503) return "service_unavailable_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

std::string to_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  return json_text({{"error",
                     {{"message", error.what()},
                      {"type", error_type(error.status)},
                      {"param", or_null(error.param)},
                      {"code", or_null(error.code)}}}});
}

HttpResponse to_response(const ApiError& error) {
  HttpResponse response{.status = error.status, .body = to_json(error)};
  if (error.status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace paretune
