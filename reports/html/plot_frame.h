// The rectangle that a plot is drawn in, with its axes; user units of the SVG.
#pragma once

#include <string>
#include <string_view>

#include "reports/html/svg.h"
#include "reports/text.h"

namespace paretune {

struct PlotFrame {
  int width, height;  // of the picture
  double left, right, top, bottom;

  // Of a share of the axis, from 0 to 1.
  double x_of(double share) const { return left + share * (right - left); }
  double y_of(double share) const { return bottom - share * (bottom - top); }

  std::string vertical(std::string_view css_class, double x) const {
    return svg_line(css_class, x, top, x, bottom);
  }
  std::string horizontal(std::string_view css_class, double y) const {
    return svg_line(css_class, left, y, right, y);
  }
  std::string x_label(double x, std::string_view text) const {
    return svg_text("tick", x, bottom + 17, "middle", text);
  }
  std::string y_label(double y, std::string_view text) const {
    return svg_text("tick", left - 7, y + 4, "end", text);
  }
  std::string axes() const { return horizontal("axis", bottom) + vertical("axis", left); }
  std::string titles(std::string_view x, std::string_view y) const {
    return svg_text("title", (left + right) / 2, height - 12, "middle", x) +
           cat({"<text class=\"title\" transform=\"translate(13 ", px((top + bottom) / 2),
                ") rotate(-90)\" text-anchor=\"middle\">", html_text(y), "</text>\n"});
  }
};

}  // namespace paretune
