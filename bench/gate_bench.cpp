// What the quality gate's questions cost, by part: loading, answering in the model's own words, and
// rating the right answer.
//
//   gate_bench [--workload FILE] [--model FILE] [--policy P] [--activations A] [--kv K]
//              [--questions N]
//
// N fresh questions of each capability, answered by full precision and by a config; a row each for
// all and for every capability alone.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "bench/flags.h"
#include "profiles/quality.h"
#include "profiles/quality_gate.h"
#include "runtime/deployment.h"
#include "runtime/engine/loaded_model.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

QualityPlan unrated(QualityPlan plan) {
  for (QualityQuestion& question : plan.questions) question.answer.reset();
  return plan;
}

void time_questions(const char* name, const LoadedModel& model, const DeployConfig& config,
                    const QualityPlan& plan) {
  double tokens = 0;
  for (const QualityQuestion& question : plan.questions) tokens += double(question.prompt.size());
  const double begin = now();
  score_questions(model, config, unrated(plan));
  const double answered = now();
  score_questions(model, config, plan);
  const double all = now() - answered;
  std::printf("  %-14s %4zu questions %7.0f tokens  %7.2f s  without rating %7.2f s\n", name,
              plan.questions.size(), tokens, all, answered - begin);
}

int main_of(int argc, char** argv) {
  std::string workload_path = "workloads/demo/chat.json", model_path, policy = "all=int8",
              activations = "int8", kv = "int8";
  int n = 4;
  read_flags(
      argc, argv,
      {flag("--workload", workload_path), flag("--model", model_path), flag("--policy", policy),
       flag("--activations", activations), flag("--kv", kv), flag("--questions", n)});
  const Workload workload = load_workload(workload_path);
  const std::filesystem::path path =
      model_path.empty() ? workload.model_path : std::filesystem::path(model_path);
  const Target target{this_machine(), open_model(path)->shape()};
  const DeployConfig full = full_precision_config(target);
  DeployConfig config = full;
  set_knob(config, "weights", policy, "--policy");
  set_knob(config, "activations", activations, "--activations");
  set_knob(config, "kv_cache", kv, "--kv");
  for (const DeployConfig& each : {full, canonical(config, target)}) {
    const double begin = now();
    const LoadedModel model = load_model(open_model(path), each);
    std::printf("%s, loaded in %.2f s\n", to_text(each.weights).c_str(), now() - begin);
    const auto questions = plan_gate(workload, target.model, *model.tokenizer,
                                     model.chat ? &*model.chat : nullptr, {});
    QualityPlan all;
    for (const auto& [name, fresh] : questions) {
      QualityPlan one;
      one.questions.assign(fresh.begin(),
                           fresh.begin() + std::min<std::ptrdiff_t>(n, std::ssize(fresh)));
      all.questions.insert(all.questions.end(), one.questions.begin(), one.questions.end());
      time_questions(name.c_str(), model, each, one);
    }
    time_questions("all", model, each, all);
  }
  return 0;
}

}  // namespace
}  // namespace paretune

int main(int argc, char** argv) try {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return paretune::main_of(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "gate_bench: %s\n", error.what());
  return 1;
}
