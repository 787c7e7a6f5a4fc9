// Runs what must throw, and looks for every part of the message that it must have.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace paretune {

inline void expect_error(const std::function<void()>& run, const std::vector<std::string>& parts) {
  try {
    run();
  } catch (const std::runtime_error& error) {
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "\"" << part << "\" is missing from: " << error.what();
    return;
  }
  ADD_FAILURE() << "nothing was thrown; expected: " << (parts.empty() ? "an error" : parts[0]);
}

}  // namespace paretune
