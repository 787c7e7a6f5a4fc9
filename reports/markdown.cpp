// report.md: what report.html says, without the plots.
#include <nlohmann/json.hpp>

#include "reports/decision.h"
#include "reports/facts.h"
#include "reports/report.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

std::string section(std::string_view title, const Table& table) {
  if (table.rows.empty()) return "";
  return cat({"## ", title, "\n\n",
              table.caption.empty() ? "" : markdown_text(table.caption) + ".\n\n",
              markdown_table(table), "\n"});
}

std::string markdown_decision(const Study& study) {
  const Decision decision = decide(study);
  std::string out = cat({"**", markdown_text(decision.headline), "**\n\n"});
  for (const KeyNumber& number : decision.numbers) {
    out += cat({"- **", markdown_text(number.title), "**: ", markdown_text(number.value), ", ",
                markdown_text(number.note), "\n"});
  }
  out += "\n";
  for (const std::string& sentence : decision.sentences) out += markdown_text(sentence) + "\n\n";
  if (!decision.command.empty())
    out += cat({"To serve it: ", markdown_code(decision.command), "\n\n"});
  return out;
}

std::string markdown_definitions() {
  std::string out = "## Definitions\n\n";
  for (const Definition& definition : definitions()) {
    out += cat(
        {"- **", markdown_text(definition.term), "**: ", markdown_text(definition.meaning), "\n"});
  }
  return out;
}

}  // namespace

std::string report_markdown(const Study& study) {
  const std::string name = study.workload.name.empty() ? "a workload" : study.workload.name;
  std::string out = cat({"# Paretune: ", markdown_text(name), "\n\n", markdown_decision(study)});
  out += section("Picks", picks_table(study));
  out += section("Promised and verified", verification_table(study));
  out += section("The front", front_table(study));
  out += section("What the limits cost", limits_table(study));
  out += section("Which knobs mattered", effects_table(study));
  out += section("Latency", latency_table(study));
  out += section("Quality", quality_table(study));
  out += section("Capabilities", capability_table(study));
  out += section("Capabilities along the front", capability_front_table(study));
  out += section("What breaks first", ladder_table(study));
  out += section("Quality gate", gate_table(study));
  out += section("Weights", policy_table(study));
  out += section("Sensitivity", sensitivity_table(study));
  out += section("Sensitivity by layer", layer_loss_table(study));
  out += section("Activations and KV cache", knob_loss_table(study));
  out += section("Predicted and measured", prediction_table(study));
  out += section("Cost", cost_table(study));
  out += section("Rates", rate_table(study));
  out += section("Cost model", prediction_error_table(study));
  out += section("Predicted and measured trials", predicted_trials_table(study));
  out += section("Trials", trials_table(study));
  out += section("Failures", failures_table(study));
  out += section("Search space", space_table(study));
  out += section("Knobs", knobs_table(study));
  out += section("Kernels", kernels_table(study));
  out += section("Workload", workload_table(study));
  out += section("Manifest", manifest_table(study));
  return out + markdown_definitions();
}

}  // namespace paretune
