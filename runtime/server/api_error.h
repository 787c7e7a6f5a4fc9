// Why a request was refused, in the form that OpenAI's clients read:
//   {"error": {"message": …, "type": …, "param": … or null, "code": … or null}}
#pragma once

#include <stdexcept>
#include <string>

#include "runtime/server/http_message.h"

namespace paretune {

struct ApiError : std::runtime_error {
  // status: of HTTP. param: the offending field as a path ("messages[1].role"); code: for programs,
  // e.g. "model_not_found". Both may be empty.
  ApiError(int status, const std::string& message, std::string param = {}, std::string code = {})
      : std::runtime_error(message),
        status(status),
        param(std::move(param)),
        code(std::move(code)) {}

  int status;
  std::string param;
  std::string code;
};

// The error object alone, as JSON: also the last event of a stream that failed.
std::string to_json(const ApiError& error);

HttpResponse to_response(const ApiError& error);

}  // namespace paretune
