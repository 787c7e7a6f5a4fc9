// What report.html carries inline, since it loads nothing.
#pragma once

#include <string_view>

namespace paretune {

std::string_view html_style();
std::string_view html_script();

}  // namespace paretune
