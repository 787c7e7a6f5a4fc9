// report.html: one file that loads nothing and is complete without scripts. The decision comes
// first, in words for whoever signs it off; then, section by section, what an analyst needs to
// check it.
#include <nlohmann/json.hpp>

#include "reports/decision.h"
#include "reports/facts.h"
#include "reports/html/assets.h"
#include "reports/html/plot.h"
#include "reports/report.h"
#include "reports/tables.h"
#include "reports/text.h"

namespace paretune {
namespace {

std::string_view mood_class(Mood mood) {
  switch (mood) {
    case Mood::good:
      return " good";
    case Mood::bad:
      return " bad";
    case Mood::muted:
      return " muted";
    case Mood::plain:
      break;
  }
  return "";
}

std::string paragraph(std::string_view text) { return cat({"<p>", html_list(text), "</p>\n"}); }

// Nothing where there is nothing to show.
std::string table_of(const Table& table) { return table.rows.empty() ? "" : html_table(table); }

std::string section(std::string_view id, std::string_view title, std::string_view content) {
  return cat(
      {"<section id=\"", id, "\"><h2>", html_text(title), "</h2>\n", content, "</section>\n"});
}

std::string details(std::string_view summary, std::string_view content) {
  if (content.empty()) return "";
  return cat({"<details><summary>", html_text(summary), "</summary>\n", content, "</details>\n"});
}

std::string decision_part(const Study& study) {
  const Decision decision = decide(study);
  std::string out = cat({"<section id=\"decision\" class=\"decision", mood_class(decision.mood),
                         "\"><h2>", html_text(decision.headline), "</h2>\n"});
  if (!decision.numbers.empty()) out += "<dl class=\"numbers\">\n";
  for (const KeyNumber& number : decision.numbers) {
    out += cat({"<div><dt>", html_text(number.title), "</dt><dd class=\"value",
                mood_class(number.mood), "\">", html_text(number.value), "</dd><dd class=\"note\">",
                html_text(number.note), "</dd></div>\n"});
  }
  if (!decision.numbers.empty()) out += "</dl>\n";
  for (const std::string& sentence : decision.sentences) out += paragraph(sentence);
  if (!decision.command.empty()) {
    out += cat({"<p>To serve it, in the folder of this report:</p><pre><code>",
                html_text(decision.command), "</code></pre>\n"});
  }
  return out + "</section>\n" + table_of(verification_table(study));
}

std::string figure(std::string_view caption, std::string_view plot) {
  return cat({"<figure><figcaption>", html_text(caption), "</figcaption>\n", plot, "</figure>\n"});
}

std::string front_part(const Study& study) {
  std::string out = paragraph(
      "Each mark is one deployment that was really run. Lower is better on every axis. Point at a "
      "mark to see its config "
      "and its intervals; it lights up in every plot and table. Click to keep it lit.");
  out += plot_legend() + "<div class=\"plots\">\n";
  const auto projection = [&](std::size_t x, std::size_t y) {
    return figure(cat({kObjectives[x].title(study), " and ", kObjectives[y].title(study)}),
                  projection_plot(study, x, y));
  };
  out += projection(0, 1) + projection(0, 2) + projection(1, 2);
  out += figure("All three; drag or use the arrow keys to turn it", cube_plot(study)) + "</div>\n";
  return out + table_of(front_table(study)) + table_of(limits_table(study)) +
         table_of(effects_table(study));
}

std::string search_part(const Study& study) {
  std::string out;
  if (!study.progress.empty()) {
    out += paragraph(
        "The front's hypervolume: how much better than the default the trade-offs on offer are, "
        "all axes "
        "together. A flat end means that the last trials found nothing better.");
    out += figure("Hypervolume over time", progress_plot(study));
  }
  if (const Table errors = prediction_error_table(study); !errors.rows.empty()) {
    out += html_table(errors) + details("Predicted and measured, trial by trial",
                                        table_of(predicted_trials_table(study)));
  } else if (!study.cost_model.empty()) {
    out += paragraph(cat({"The cost model was ", study.cost_model, "."}));
  }
  return out + table_of(space_table(study)) + table_of(knobs_table(study)) +
         details("Kernels", table_of(kernels_table(study)));
}

std::string workload_part(const Study& study) {
  const auto json = nlohmann::ordered_json::parse(study.workload_json, nullptr, false);
  const std::string text = json.is_discarded()
                               ? study.workload_json
                               : json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::string source =
      text.empty() ? "" : cat({"<pre><code>", html_text(text), "</code></pre>\n"});
  return table_of(workload_table(study)) +
         details("workload.json, with every default left out", source);
}

std::string definitions_part() {
  std::string out = "<dl class=\"definitions\">\n";
  for (const Definition& definition : definitions()) {
    out += cat({"<dt>", html_text(definition.term), "</dt><dd>", html_text(definition.meaning),
                "</dd>\n"});
  }
  return out + "</dl>\n";
}

std::string trials_part(const Study& study) {
  const std::string failures = table_of(failures_table(study));
  return table_of(trials_table(study)) +
         (failures.empty() ? paragraph("No trial failed.") : failures);
}

std::string measurements_part(const Study& study) {
  return table_of(latency_table(study)) + table_of(cost_table(study)) + table_of(rate_table(study));
}

std::string quality_part(const Study& study) {
  return paragraph(
             "Against the same model at full precision, on the same texts and questions, through "
             "the deployed "
             "kernels.") +
         table_of(quality_table(study)) + table_of(capability_front_table(study)) +
         table_of(ladder_table(study)) + table_of(gate_table(study)) +
         details("Every capability of the picks", table_of(capability_table(study)));
}

std::string compression_part(const Study& study) {
  return table_of(policy_table(study)) + table_of(sensitivity_table(study)) +
         table_of(layer_loss_table(study)) + table_of(knob_loss_table(study)) +
         table_of(prediction_table(study));
}

}  // namespace

std::string report_html(const Study& study) {
  const std::string name = study.workload.name.empty() ? "a workload" : study.workload.name;
  std::string out =
      cat({"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
           "'unsafe-inline'; "
           "script-src 'unsafe-inline'; img-src data:\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link "
           "rel=\"icon\" href=\"data:,\">\n"
           "<title>Paretune: ",
           html_text(name), "</title>\n<style>", html_style(),
           "</style></head><body>\n<header><h1>Paretune: the deployment of ",
           html_text(study.model_path), " for ", html_text(name),
           "</h1>\n<nav aria-label=\"Sections\"><a href=\"#picks\">Picks</a><a "
           "href=\"#front\">Front</a>"
           "<a href=\"#quality\">Quality</a><a href=\"#measurements\">Latency and cost</a><a "
           "href=\"#trials\">Trials</a>"
           "<a href=\"#search\">Search</a><a href=\"#workload\">Workload</a><a "
           "href=\"#definitions\">Definitions</a>"
           "<a href=\"#manifest\">Manifest</a></nav></header>\n<main>\n",
           decision_part(study)});
  const std::string nothing = paragraph("No trial has finished, so there is nothing to show.");
  const std::string picks = table_of(picks_table(study));
  const bool measured = !study.trials.empty();
  out += section("picks", "The choices", picks.empty() ? nothing : picks);
  out += section("front", "The Pareto front", measured ? front_part(study) : nothing);
  out += section("quality", "What quality is lost", measured ? quality_part(study) : nothing);
  if (const std::string compression = compression_part(study); !compression.empty()) {
    out += section("compression", "What became of the weights", compression);
  }
  out += section("measurements", "How fast, at what cost",
                 measured ? measurements_part(study) : nothing);
  out += section("trials", "Every trial", measured ? trials_part(study) : nothing);
  out += section("search", "How the search went", search_part(study));
  out += section("workload", "The workload", workload_part(study));
  out += section("definitions", "Definitions", definitions_part());
  out += section("manifest", "To do it again", table_of(manifest_table(study)));
  return out +
         cat({"</main>\n<footer>Every number above was measured on the machine named here, but "
              "for those that say they are predicted.</footer>\n"
              "<script>",
              html_script(), "</script>\n</body></html>\n"});
}

}  // namespace paretune
