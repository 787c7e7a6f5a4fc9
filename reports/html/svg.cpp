#include "reports/html/svg.h"

#include <charconv>
#include <cmath>

#include "reports/facts.h"
#include "reports/number.h"
#include "reports/text.h"

namespace paretune {

std::string px(double value) {
  if (!std::isfinite(value)) value = 0;
  char buffer[64];
  return {buffer,
          std::to_chars(buffer, buffer + sizeof buffer, std::round(value * 10) / 10 + 0.0).ptr};
}

std::string svg_line(std::string_view css_class, double x1, double y1, double x2, double y2) {
  return cat({"<line class=\"", css_class, "\" x1=\"", px(x1), "\" y1=\"", px(y1), "\" x2=\"",
              px(x2), "\" y2=\"", px(y2), "\"/>"});
}

std::string svg_text(std::string_view css_class, double x, double y, std::string_view anchor,
                     std::string_view text) {
  return cat({"<text class=\"", css_class, "\" x=\"", px(x), "\" y=\"", px(y), "\" text-anchor=\"",
              anchor, "\">", html_text(text), "</text>"});
}

std::string svg_open(std::string_view id, int width, int height, std::string_view title,
                     std::string_view description) {
  const std::string size = cat({std::to_string(width), " ", std::to_string(height)});
  return cat({"<svg id=\"", id, "\" class=\"plot\" viewBox=\"0 0 ", size,
              "\" role=\"group\" aria-labelledby=\"", id, "-title ", id, "-desc\"><title id=\"", id,
              "-title\">", html_text(title), "</title><desc id=\"", id, "-desc\">",
              html_text(description), "</desc>\n"});
}

std::string_view mark_kind(const Study& study, const Trial& trial) {
  if (!trial.feasible && study.feasible) return "over";
  for (const Pick& pick : study.picks) {
    if (pick.trial == trial.id && (pick.name == "recommended" || pick.name == "nearest"))
      return "pick";
  }
  if (trial.on_front) return trial.feasible ? "front" : "front over";
  return trial.feasible ? "beaten" : "over";
}

std::string svg_point(const Study& study, const Trial& trial, double x, double y,
                      std::string_view attributes) {
  const std::string_view kind = mark_kind(study, trial);
  std::string mark;
  if (kind == "over") {
    mark = "<path d=\"M-4-4L4 4M-4 4L4-4\"/>";
  } else if (kind == "pick") {
    mark =
        "<path d=\"M0-9L2.4-3.3 8.6-2.8 3.9 1.3 5.3 7.3 0 4.1-5.3 7.3-3.9 1.3-8.6-2.8-2.4-3.3Z\"/>";
  } else if (trial.id == 0) {
    mark = "<rect x=\"-4.5\" y=\"-4.5\" width=\"9\" height=\"9\"/>";
  } else {
    mark = kind == "beaten" ? "<circle r=\"3.5\"/>" : "<circle r=\"5\"/>";
  }
  const bool focusable = trial.on_front || !pick_names(study, trial.id).empty();
  return cat({"<g class=\"point ", kind, trial.id == 0 ? " default" : "", "\" data-trial=\"",
              std::to_string(trial.id), "\" transform=\"translate(", px(x), " ", px(y), ")\"",
              focusable ? " tabindex=\"0\" role=\"img\"" : "", attributes, "><title>",
              html_text(point_description(study, trial)),
              "</title><circle class=\"touch\" r=\"11\"/>", mark, "</g>\n"});
}

std::string point_description(const Study& study, const Trial& trial) {
  const std::vector<std::string> names = pick_names(study, trial.id);
  std::string out =
      cat({"Trial ", std::to_string(trial.id), names.empty() ? "" : ": ", join(names, ", ")});
  for (const ObjectiveRow& row : kObjectives) {
    out += cat(
        {"\n", row.title(study), ": ", estimate_text(row.estimate(study, trial)), " ", row.unit});
  }
  if (latency_is_shaky(study, trial)) out += "\nToo few samples for this latency percentile";
  for (const std::string& violation : trial.violations) out += "\nOver a limit: " + violation;
  const Trial* base = default_trial(study);
  if (!base || trial.id == 0) return out;
  for (const Change& change : changes(base->config, trial.config)) {
    out += cat({"\n", change.knob, ": ", change.from, " → ", change.to});
  }
  return out;
}

}  // namespace paretune
