// A call must throw std::runtime_error whose message holds what a user needs to know.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace paretune {

template <class Call>
void expect_error(Call call, const std::string& part, const std::string& what = "") {
  try {
    call();
    ADD_FAILURE() << what << ": no error; expected one with '" << part << "'";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << what << ": " << error.what();
  }
}

}  // namespace paretune
