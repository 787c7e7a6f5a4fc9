// The plots of report.html as static SVG: complete without a script, which only adds tooltips,
// linked highlighting and turning. Each point is a <g data-trial="…"> with a <title>, so a browser
// without scripts shows that on hovering.
#pragma once

#include <string>

#include "optimizer/study.h"

namespace paretune {

// Two objectives (indices into kObjectives), every trial that ran; 95 % intervals on the front's
// points.
std::string projection_plot(const Study& study, std::size_t x, std::size_t y);

// All three objectives in a unit cube, seen at an angle (orthographic); the script turns it.
std::string cube_plot(const Study& study);

// Hypervolume over the time of the study.
std::string progress_plot(const Study& study);

// What the marks of the first two mean.
std::string plot_legend();

}  // namespace paretune
