#include <algorithm>
#include <cmath>

#include "reports/facts.h"
#include "reports/html/axis.h"
#include "reports/html/plot.h"
#include "reports/html/plot_frame.h"
#include "reports/html/svg.h"
#include "reports/number.h"
#include "reports/text.h"

namespace paretune {
namespace {

constexpr PlotFrame kProjection{
    .width = 460, .height = 360, .left = 74, .right = 446, .top = 14, .bottom = 308};
constexpr double kCharWidth = 7.2, kLineHeight = 14;  // of a label, roughly, at 11.5 px

std::string frame(const Axis& x, const Axis& y, const std::string& x_title,
                  const std::string& y_title) {
  std::string out;
  for (const Axis::Tick& tick : x.ticks()) {
    const double at = kProjection.x_of(tick.at);
    out += kProjection.vertical("grid", at) + kProjection.x_label(at, tick.text);
  }
  for (const Axis::Tick& tick : y.ticks()) {
    const double at = kProjection.y_of(tick.at);
    out += kProjection.horizontal("grid", at) + kProjection.y_label(at, tick.text);
  }
  out += kProjection.axes();
  // The scale is broken between 0 and its beginning.
  const double gap = Axis::kScaleBegin - 0.03;
  if (x.zero_slot()) out += kProjection.vertical("break", kProjection.x_of(gap));
  if (y.zero_slot()) out += kProjection.horizontal("break", kProjection.y_of(gap));
  return out + kProjection.titles(x_title, y_title);
}

std::string whisker(bool horizontal, double at, double low, double high) {
  return horizontal ? svg_line("whisker", low, at, high, at)
                    : svg_line("whisker", at, low, at, high);
}

struct Box {
  double left, top, right, bottom;
  bool overlaps(const Box& o) const {
    return left < o.right && o.left < right && top < o.bottom && o.top < bottom;
  }
};

// Names of picks beside their points: the first place around the point where the name covers no
// mark and no other name.
class Labels {
 public:
  void keep_free(double x, double y) { taken_.push_back({x - 6, y - 6, x + 6, y + 6}); }

  std::string place(double x, double y, const std::string& text) {
    const double width = kCharWidth * static_cast<double>(text.size());
    std::vector<Box> places;
    for (double far : {0.0, 1.0, 2.0, 3.0, 4.0}) {
      const double dy = far * kLineHeight;
      for (double side : {11.0, -11.0 - width}) {
        for (double up : {-dy, dy}) places.push_back(box(x + side, y + up, width));
      }
      places.push_back(box(x - width / 2, y - 16 - dy, width));
      places.push_back(box(x - width / 2, y + 16 + dy, width));
    }
    const auto is_free = [&](const Box& b) {
      return b.left > kProjection.left && b.right < kProjection.right + 10 &&
             b.top > kProjection.top - 10 && b.bottom < kProjection.bottom &&
             std::none_of(taken_.begin(), taken_.end(),
                          [&](const Box& t) { return t.overlaps(b); });
    };
    const auto found = std::find_if(places.begin(), places.end(), is_free);
    const Box at = found == places.end() ? places.front() : *found;
    taken_.push_back(at);
    const double middle = (at.top + at.bottom) / 2;
    std::string out;
    if (std::abs(middle - y) > 20) {  // far from its point: a line shows whose name it is
      out += svg_line("leader", x, y, std::clamp(x, at.left, at.right),
                      middle > y ? at.top + 2 : at.bottom - 2);
    }
    return out + svg_text("label", at.left, middle + 4, "start", text) + "\n";
  }

 private:
  static Box box(double left, double middle, double width) {
    return {left, middle - kLineHeight / 2, left + width, middle + kLineHeight / 2};
  }

  std::vector<Box> taken_;
};

struct Placed {
  const Trial* trial;
  Estimate x, y;
};

}  // namespace

std::string projection_plot(const Study& study, std::size_t xi, std::size_t yi) {
  std::vector<Placed> points;
  std::vector<double> xs;
  std::vector<double> ys;
  for (const Trial& trial : study.trials) {
    if (!ran(trial)) continue;
    points.push_back(
        {&trial, kObjectives[xi].estimate(study, trial), kObjectives[yi].estimate(study, trial)});
    xs.push_back(points.back().x.value);
    ys.push_back(points.back().y.value);
  }
  // The front is drawn last, above the others.
  std::stable_sort(points.begin(), points.end(), [](const Placed& a, const Placed& b) {
    return a.trial->on_front < b.trial->on_front;
  });
  const Axis x(xs);
  const Axis y(ys);
  const auto title_of = [&](std::size_t i) {
    return cat({kObjectives[i].title(study), ", ", kObjectives[i].unit});
  };
  const auto x_at = [&](double value) { return kProjection.x_of(x.at(value)); };
  const auto y_at = [&](double value) { return kProjection.y_of(y.at(value)); };
  const std::string scale = cat({x.logarithmic() ? "logarithmic" : "linear", " across, ",
                                 y.logarithmic() ? "logarithmic" : "linear", " upwards"});
  std::string out =
      svg_open(cat({"plot-", kObjectives[xi].key, "-", kObjectives[yi].key}), kProjection.width,
               kProjection.height,
               cat({kObjectives[xi].title(study), " against ", kObjectives[yi].title(study)}),
               cat({"Each mark is a trial; lower left is better. Scales: ", scale,
                    ". The table of the front has the numbers."}));
  out += frame(x, y, title_of(xi), title_of(yi));
  Labels labels;
  for (const Placed& p : points) labels.keep_free(x_at(p.x.value), y_at(p.y.value));
  for (const Placed& p : points) {
    const double px_at = x_at(p.x.value);
    const double py_at = y_at(p.y.value);
    if (p.trial->on_front) {
      out += cat({"<g class=\"whiskers\" data-trial=\"", std::to_string(p.trial->id), "\">"});
      out += whisker(true, py_at, x_at(p.x.low), x_at(p.x.high));
      out += whisker(false, px_at, y_at(p.y.low), y_at(p.y.high));
      out += "</g>";
    }
    out += svg_point(study, *p.trial, px_at, py_at, "");
  }
  // The recommended one is named first, so that it has the best place.
  std::stable_sort(points.begin(), points.end(), [&](const Placed& a, const Placed& b) {
    return (mark_kind(study, *a.trial) == "pick") > (mark_kind(study, *b.trial) == "pick");
  });
  for (const Placed& p : points) {
    const std::vector<std::string> names = pick_names(study, p.trial->id);
    if (!names.empty()) {
      out += labels.place(x_at(p.x.value), y_at(p.y.value), join(names, ", "));
    }
  }
  return out + "</svg>\n";
}

std::string plot_legend() {
  return "<p class=\"legend\"><svg class=\"plot\" viewBox=\"-10 -10 20 20\" "
         "aria-hidden=\"true\"><g class=\"point pick\">"
         "<path d=\"M0-9L2.4-3.3 8.6-2.8 3.9 1.3 5.3 7.3 0 4.1-5.3 7.3-3.9 "
         "1.3-8.6-2.8-2.4-3.3Z\"/></g></svg>"
         "recommended or nearest <svg class=\"plot\" viewBox=\"-10 -10 20 20\" "
         "aria-hidden=\"true\"><g "
         "class=\"point front\">"
         "<circle r=\"6\"/></g></svg>on the front <svg class=\"plot\" viewBox=\"-10 -10 20 20\" "
         "aria-hidden=\"true\">"
         "<g class=\"point beaten default\"><rect x=\"-6\" y=\"-6\" width=\"12\" "
         "height=\"12\"/></g></svg>default "
         "<svg class=\"plot\" viewBox=\"-10 -10 20 20\" aria-hidden=\"true\"><g class=\"point "
         "beaten\"><circle r=\"5\"/></g>"
         "</svg>beaten by the front <svg class=\"plot\" viewBox=\"-10 -10 20 20\" "
         "aria-hidden=\"true\">"
         "<g class=\"point over\"><path d=\"M-5-5L5 5M-5 5L5-5\"/></g></svg>over a limit. Lines "
         "are 95 % intervals.</p>\n";
}

}  // namespace paretune
