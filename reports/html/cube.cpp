// The three objectives at once. The script turns the cube by the same projection, from data-a and
// data-b (unit cube).
#include <array>
#include <cmath>

#include "reports/facts.h"
#include "reports/html/axis.h"
#include "reports/html/plot.h"
#include "reports/html/svg.h"
#include "reports/text.h"

namespace paretune {
namespace {

constexpr int kWidth = 460, kHeight = 360;
constexpr double kScale = 215;                 // user units per edge of the cube
constexpr double kYaw = -0.65, kPitch = 0.42;  // radians; the script starts with these

using Vec3 = std::array<double, 3>;

std::array<double, 2> project(const Vec3& p) {
  const double x = p[0] - 0.5, y = p[1] - 0.5, z = p[2] - 0.5;  // z is up
  const double across = x * std::cos(kYaw) - y * std::sin(kYaw);
  const double away = x * std::sin(kYaw) + y * std::cos(kYaw);
  return {kWidth / 2.0 + kScale * across,
          kHeight / 2.0 - kScale * (z * std::cos(kPitch) + away * std::sin(kPitch))};
}

std::string coordinates(const Vec3& p) {
  const auto fine = [](double v) { return px(v * 1000); };  // thousandths
  return cat({fine(p[0]), " ", fine(p[1]), " ", fine(p[2])});
}

std::string edge(std::string_view css_class, const Vec3& a, const Vec3& b, int trial = -1) {
  const auto [x1, y1] = project(a);
  const auto [x2, y2] = project(b);
  std::string line = svg_line(css_class, x1, y1, x2, y2);
  line.insert(5, cat({" data-a=\"", coordinates(a), "\" data-b=\"", coordinates(b), "\"",
                      trial < 0 ? "" : cat({" data-trial=\"", std::to_string(trial), "\""})}));
  return line;
}

std::string name(const Vec3& at, std::string_view css_class, std::string_view text) {
  const auto [x, y] = project(at);
  std::string out = svg_text(css_class, x, y, "middle", text);
  return out.insert(5, cat({" data-a=\"", coordinates(at), "\""}));
}

std::string box(const Study& study) {
  std::string out;
  for (double a : {0.0, 1.0}) {
    for (double b : {0.0, 1.0}) {
      const std::string_view kind = a == 0 && b == 0 ? "axis" : "grid";
      out += edge(kind, {0, a, b}, {1, a, b}) + edge(kind, {a, 0, b}, {a, 1, b}) +
             edge(kind, {a, b, 0}, {a, b, 1});
    }
  }
  out += name({0.5, -0.16, -0.05}, "title", kObjectives[0].title(study) + " →");
  out += name({-0.16, 0.5, -0.05}, "title", kObjectives[1].title(study) + " →");
  return out + name({-0.04, -0.04, 1.08}, "title", kObjectives[2].title(study) + " ↑") + "\n";
}

}  // namespace

std::string cube_plot(const Study& study) {
  std::array<std::vector<double>, 3> values;
  for (const Trial& trial : study.trials) {
    if (!ran(trial)) continue;
    for (std::size_t i = 0; i < 3; ++i)
      values[i].push_back(kObjectives[i].estimate(study, trial).value);
  }
  const std::array<Axis, 3> axes{Axis(values[0]), Axis(values[1]), Axis(values[2])};
  std::string out = svg_open(
      "plot-cube", kWidth, kHeight, "Cost, latency and quality at once",
      "A cube seen at an angle, its axes scaled as in the other plots; the corner where the axes "
      "meet is best. Drag it or use the arrow keys to turn it. The table of the front has the "
      "numbers.");
  out += box(study);
  for (bool front : {false, true}) {
    for (const Trial& trial : study.trials) {
      if (!ran(trial) || trial.on_front != front) continue;
      Vec3 at{};
      for (std::size_t i = 0; i < 3; ++i)
        at[i] = axes[i].at(kObjectives[i].estimate(study, trial).value);
      if (front) out += edge("whisker", at, {at[0], at[1], 0}, trial.id);  // down to the floor
      const auto [x, y] = project(at);
      out += svg_point(study, trial, x, y, cat({" data-a=\"", coordinates(at), "\""}));
    }
  }
  return out + "</svg>\n";
}

}  // namespace paretune
