// Pieces of SVG that the plots share.
#pragma once

#include <string>
#include <string_view>

#include "optimizer/study.h"

namespace paretune {

std::string px(double value);  // a coordinate, to a tenth

std::string svg_line(std::string_view css_class, double x1, double y1, double x2, double y2);
std::string svg_text(std::string_view css_class, double x, double y, std::string_view anchor,
                     std::string_view text);

// The opening tag with title and description; close it with </svg>.
std::string svg_open(std::string_view id, int width, int height, std::string_view title,
                     std::string_view description);

// What kind of mark a trial gets: "pick", "front", "beaten" or "over" (a limit); a CSS class and a
// shape.
std::string_view mark_kind(const Study& study, const Trial& trial);

// The mark at (0, 0), in a group moved to (x, y) that carries the trial's id and its description.
// attributes: more of the group's.
std::string svg_point(const Study& study, const Trial& trial, double x, double y,
                      std::string_view attributes);

// What a tooltip says: id and picks, the three objectives with intervals, what differs from the
// default.
std::string point_description(const Study& study, const Trial& trial);

}  // namespace paretune
