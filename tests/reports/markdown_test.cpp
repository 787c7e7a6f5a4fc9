#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "reports/report.h"
#include "tests/reports/sample_study.h"

namespace paretune {
namespace {

// Pipes that separate cells.
int bars(const std::string& line) {
  int n = 0;
  for (std::size_t i = 0; i < line.size(); ++i)
    n += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
  return n;
}

TEST(Markdown, TablesHaveOneNumberOfColumnsEach) {
  for (const auto& [name, study] : sample_studies()) {
    std::istringstream lines(report_markdown(study));
    int columns = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("|")) {
        columns = 0;
        continue;
      }
      if (columns == 0) columns = bars(line);
      EXPECT_EQ(bars(line), columns) << name << ": " << line;
    }
  }
}

TEST(Markdown, KernelPlansStandBesideTheDefaults) {
  Study study = sample_study();
  EXPECT_EQ(report_markdown(study).find("## Kernels"), std::string::npos);
  study.model = {.architecture = "llama",
                 .n_layers = 1,
                 .d_model = 64,
                 .n_heads = 4,
                 .n_kv_heads = 2,
                 .head_dim = 16,
                 .d_ff = 128,
                 .vocab_size = 300};
  Trial& trial = study.trials[static_cast<std::size_t>(study.find_pick("recommended")->id)];
  trial.config.activations.name = "int8";
  trial.config.weights = parse_policy("mlp=int8", "test");
  trial.config.decode_kernel.name = "tuned";
  study.kernels.add({.key = {&kInt8, Activations::int8, 256, 64, 8, 2},
                     .plan = {.variant = &resolve_matmul("scalar", kInt8, Activations::int8),
                              .walk = {.prefetch = 512, .streams = 2},
                              .claimed = true},
                     .default_s = 30e-6,
                     .tuned_s = 20e-6});
  study.kernels.add({.key = {&kInt8, Activations::int8, 999, 64, 8, 2},  // of no product here
                     .plan = {.variant = &resolve_matmul("scalar", kInt8, Activations::int8)}});
  const std::string text = report_markdown(study);
  EXPECT_NE(text.find("## Kernels"), std::string::npos);
  EXPECT_NE(text.find("int8 256 × 64 | 8 | 30 µs | 20 µs | 1.5× | scalar, 128 columns at a time, 2 "
                      "streams fetched 512 bytes ahead, claimed"),
            std::string::npos)
      << text.substr(text.find("## Kernels"), 600);
  EXPECT_EQ(text.find("int8 999"), std::string::npos);
}

TEST(Markdown, HoldsNoMarkupOfOthers) {
  const std::string text = report_markdown(sample_study());
  EXPECT_EQ(text.find("<script"), text.npos);
  EXPECT_EQ(text.find("<b>"), text.npos);
}

TEST(Markdown, SaysTheDecisionFirst) {
  const std::string text = report_markdown(sample_study());
  EXPECT_LT(text.find("Deploy trial 2: cost 3.0× cheaper (-66 %)"), text.find("## "));
  EXPECT_NE(text.find("`serve deploy.json`"), text.npos);
}

}  // namespace
}  // namespace paretune
