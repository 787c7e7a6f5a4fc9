// What a call is refused with.
#pragma once

#include <stdexcept>
#include <string>

namespace paretune {

// The message of the std::runtime_error that the call throws; empty where it throws none.
std::string refusal(const auto& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace paretune
