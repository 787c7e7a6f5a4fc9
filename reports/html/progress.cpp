#include <algorithm>
#include <cmath>

#include "reports/html/axis.h"
#include "reports/html/plot.h"
#include "reports/html/plot_frame.h"
#include "reports/html/svg.h"
#include "reports/number.h"
#include "reports/text.h"

namespace paretune {
namespace {

constexpr PlotFrame kProgress{
    .width = 920, .height = 260, .left = 66, .right = 906, .top = 14, .bottom = 208};

}  // namespace

std::string progress_plot(const Study& study) {
  double last = 0;
  double most = 0;
  for (const FrontStep& step : study.progress) {
    if (std::isfinite(step.seconds)) last = std::max(last, step.seconds);
    if (std::isfinite(step.hypervolume)) most = std::max(most, step.hypervolume);
  }
  const double seconds_end = last > 0 ? last * 1.02 : 1;
  const double volume_end = most > 0 ? most * 1.08 : 1;
  const auto x_of = [&](double s) { return kProgress.x_of(std::clamp(s / seconds_end, 0.0, 1.0)); };
  const auto y_of = [&](double v) { return kProgress.y_of(std::clamp(v / volume_end, 0.0, 1.0)); };
  std::string out = svg_open(
      "plot-progress", kProgress.width, kProgress.height, "Hypervolume over time",
      cat({"After ", number_text(last), " seconds and ", std::to_string(study.progress.size()),
           " trials the hypervolume of the front is ",
           number_text(study.progress.empty() ? 0 : study.progress.back().hypervolume), "."}));
  for (double v : round_values(0, volume_end))
    out += kProgress.horizontal("grid", y_of(v)) + kProgress.y_label(y_of(v), number_text(v, 4));
  for (double s : round_values(0, seconds_end))
    out += kProgress.x_label(x_of(s), number_text(s, 4));
  out += kProgress.axes() + kProgress.titles("Time since the start, s", "Hypervolume");
  std::string path;
  for (const FrontStep& step : study.progress) {
    // The front stays as it was until the next trial ends.
    path += path.empty() ? cat({"M", px(x_of(step.seconds)), " ", px(y_of(step.hypervolume))})
                         : cat({"H", px(x_of(step.seconds)), "V", px(y_of(step.hypervolume))});
  }
  if (!path.empty()) out += cat({"<path class=\"steps\" d=\"", path, "\"/>"});
  for (const FrontStep& step : study.progress) {
    const std::string id = std::to_string(step.trial);
    out +=
        cat({"<g class=\"point front\" data-trial=\"", id, "\" transform=\"translate(",
             px(x_of(step.seconds)), " ", px(y_of(step.hypervolume)), ")\"><title>Trial ", id,
             " after ", seconds_text(step.seconds),
             "\nHypervolume: ", number_text(step.hypervolume), "</title><circle r=\"3.5\"/></g>"});
  }
  return out + "</svg>\n";
}

}  // namespace paretune
