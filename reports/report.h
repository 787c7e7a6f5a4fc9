// What a study is turned into: each report is a pure function of the Study and a row of kReports.
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/study.h"

namespace paretune {

// Each answers for every study, also one that was interrupted before its first trial. Only the last
// two may have nothing to say: deploy_json is "" where no trial is recommended.
std::string front_json(const Study& study);   // keys: reports/front.schema.json
std::string front_csv(const Study& study);    // one row per point of the front
std::string trials_csv(const Study& study);   // one row per trial, failed ones too
std::string report_html(const Study& study);  // one file that loads nothing
std::string report_markdown(const Study& study);
std::string deploy_json(const Study& study);  // keys: runtime/deploy.schema.json
// What deploy_json's weights are calibrated on; "" where it is the model's own samples.
std::string calibration_json(const Study& study);

struct Report {
  std::string_view name;
  std::string_view file_name;
  std::string_view summary;
  std::string (*write)(const Study&);
};

inline constexpr std::array kReports{
    Report{"front_json", "front.json",
           "the Pareto front, picks, verification and manifest, for programs", front_json},
    Report{"front_csv", "front.csv", "the Pareto front, one row a point, for spreadsheets",
           front_csv},
    Report{"trials_csv", "trials.csv", "every trial, one row each, for spreadsheets", trials_csv},
    Report{"html", "report.html", "the decision, the front and every number behind it, for people",
           report_html},
    Report{"markdown", "report.md", "the same, compactly", report_markdown},
    Report{"calibration_json", "calibration.json",
           "the texts that weights are calibrated on, for `serve`", calibration_json},
    Report{"deploy_json", "deploy.json", "the recommended config, for `serve`", deploy_json},
};

// Whole or not at all: the file is written beside its place under another name, flushed, and
// renamed. Throws std::runtime_error naming file and reason.
void write_whole(const std::filesystem::path& place, std::string_view text);

// Writes every row of kReports into the folder, which is made where it is missing, and returns the
// files' paths, each by write_whole. A report with nothing to say leaves no file, not even one of
// an earlier study.
std::vector<std::filesystem::path> write_reports(const Study& study,
                                                 const std::filesystem::path& folder);
// Those of these names alone.
std::vector<std::filesystem::path> write_reports(const Study& study,
                                                 const std::filesystem::path& folder,
                                                 std::span<const std::string_view> names);

}  // namespace paretune
