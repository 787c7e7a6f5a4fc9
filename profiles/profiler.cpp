#include "profiles/profiler.h"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "profiles/canary.h"
#include "profiles/digest.h"
#include "profiles/fault.h"
#include "profiles/isolate.h"
#include "profiles/measurement_json.h"
#include "profiles/pace.h"
#include "profiles/quality.h"
#include "profiles/speed.h"
#include "profiles/tuned_kernels.h"
#include "runtime/chat/encode_chat.h"
#include "runtime/compression/calibration_texts.h"
#include "runtime/deployment.h"
#include "workloads/evals.h"
#include "workloads/requests.h"
#include "workloads/workload_json.h"

namespace paretune {
namespace {

constexpr double kPackShare = 0.15;  // of the budget, for one way of compressing

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

// A request that no config can answer is the workload's mistake, told before anything is measured.
void check_lengths(const Workload& workload, const ModelShape& shape) {
  const int n = workload.warmup_requests + workload.num_requests;
  for (const RequestSpec& request : make_requests(workload, workload.seed, n)) {
    if (request.input_tokens + request.output_tokens <= shape.max_seq_len) continue;
    throw std::runtime_error(
        workload.file.string() + (workload.trace.empty() ? ": $.traffic" : ": $.arrival.clip") +
        ": found a request of " + std::to_string(request.input_tokens) + " + " +
        std::to_string(request.output_tokens) + " tokens, allowed: at most " +
        std::to_string(shape.max_seq_len) + " together, the model's context; " +
        (workload.trace.empty() ? "set a smaller max" : "clip longer rows"));
  }
}

// One step of the search for the highest rate where a run takes much of the budget.
int rate_steps(const Workload& workload, const Target& target) {
  constexpr double kLongRun = 0.03;
  const double run_s = assumed_served_token_seconds(target) * workload.num_requests *
                       mean_lengths(workload).all_tokens();
  return run_s > kLongRun * 60 * workload.budget.minutes ? 1 : 2;
}

// Of the budget, at most, for each look for a fault.
constexpr double kFaultShare = 0.03, kLeastFaultSeconds = 5;

// Opens the model for one config and answers one token: what a server does before it is ready.
LoadedModel load_and_warm(std::unique_ptr<ModelSource> source, const DeployConfig& config,
                          const KernelTable& kernels, PackCache& packs, Clock& clock,
                          double& load_s) {
  const double begin = clock.now();
  LoadedModel model = load_model(std::move(source), config, kernels, &packs);
  model.source->release_pages();  // what was packed need not stay resident
  const std::unique_ptr<Engine> engine = model.engine(config);
  engine->submit({.id = 0, .prompt = {0}, .sampling = {.max_tokens = 1}});
  while (!engine->idle()) engine->step();
  load_s = clock.now() - begin;
  return model;
}

// The plans that this config's products follow, as part of what its measurement depends on.
std::string used_kernels(const KernelTable& kernels, const DeployConfig& config,
                         const ModelShape& shape) {
  std::vector<KernelChoice> plans;
  const KernelTable used = used_by(kernels, config, shape);
  for (KernelChoice choice : used.choices()) {
    choice.default_s = choice.tuned_s = 0;
    plans.push_back(choice);
  }
  return plans.empty() ? "" : to_json(KernelTable(std::move(plans)));
}

// KL divergence of the reference to the same weights, run by other kernels.
double noise_floor(const std::filesystem::path& path, DeployConfig config, const QualityPlan& plan,
                   const QualityReference& reference) {
  const std::size_t tokens = std::min<std::size_t>(1500, plan.predicted_tokens() / 2);
  const auto kernel = [](std::string_view family) {
    return &resolve_matmul(family, kF32, Activations::f32);
  };
  // Ours add in the same order whatever their width.
  const bool blas = kernel("openblas") != kernel(config.prefill_kernel.name);
  config.prefill_kernel.name = config.decode_kernel.name = blas ? "openblas" : "scalar";
  const LoadedModel model = load_model(open_model(path), config);
  return mean_kl(sample_text(model, config, plan, reference, tokens)).value;
}

}  // namespace

Profiler::Profiler(const Workload& workload, Store& store, Clock& clock, std::string build,
                   const std::atomic<bool>& stop)
    : store_(store),
      clock_(clock),
      build_(std::move(build)),
      stop_(stop),
      model_path_(workload.model_path),
      source_(open_model(model_path_)),
      target_{this_machine(), source_->shape()},
      model_hash_(store.model_hash(*source_)),
      packs_(store.file().parent_path() / "packs",
             PackCache::default_limit(store.file().parent_path())),
      workload_(workload) {
  target_.pack_seconds = kPackShare * 60 * workload.budget.minutes;
  target_.calibrates = assumed_calibration_seconds(target_) <= target_.pack_seconds;
  if (!workload.open_layers.empty()) {
    target_.open_layers.clear();
    for (const std::string& name : workload.open_layers) {
      for (const LayerKind kind : layer_kinds(name, workload.file.string() + ": $.open_layers")) {
        if (std::ranges::find(target_.open_layers, kind) == target_.open_layers.end())
          target_.open_layers.push_back(kind);
      }
    }
  }
  load_evals(workload);  // refuses floors on capabilities that no question has
  check_lengths(workload, target_.model);
  std::string rows;
  for (const TraceRow& row : workload.trace) {
    rows += std::to_string(row.arrival_s) + ' ' + std::to_string(row.input_tokens) + ' ' +
            std::to_string(row.output_tokens) + '\n';
  }
  trace_hash_ = digest({rows});
  rate_steps_ = rate_steps(workload, target_);
  const Tokenizer tokenizer(source_->tokenizer());
  vocabulary_ = ordinary_tokens(tokenizer);
  const std::optional<ChatTemplate> chat = chat_template(tokenizer);
  plan_ = plan_quality(workload, source_->shape(), tokenizer, chat ? &*chat : nullptr);
  calibration_ = plan_calibration(workload, source_->shape(), tokenizer, chat ? &*chat : nullptr);
  calibration_key_ = open()->variant();
}

std::optional<ChatTemplate> Profiler::chat_template(const Tokenizer& tokenizer) const {
  try {
    return chat_template_for(tokenizer, source_->chat_template().value_or(""),
                             model_path_.string() + ": chat template");
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

std::unique_ptr<ModelSource> Profiler::open() const {
  return calibrated_on(open_model(model_path_), calibration_);
}

std::string Profiler::model_format() const { return source_->source_format(Weight::attn_q, 0); }

bool Profiler::prepare_reference() {
  const std::string plan_hash = plan_.hash();
  const std::filesystem::path folder = store_.file().parent_path() / "references";
  const std::filesystem::path file =
      folder / (digest({model_hash_, plan_hash, build_, target_.machine.fingerprint}) + ".ref");
  if (std::optional<QualityReference> found = load_reference(file, plan_hash)) {
    reference_ = std::move(*found);
    return true;
  }
  std::filesystem::create_directories(folder);
  const ChildResult child = run_isolated(
      [&] {
        const DeployConfig config = full_precision_config(target_);
        const LoadedModel model = load_model(open(), config);
        QualityReference reference = measure_reference(model, config, plan_);
        reference.noise_floor.push_back(noise_floor(model_path_, config, plan_, reference));
        save_reference(reference, file);
        return std::string("saved");
      },
      1e9, stop_);
  if (child.interrupted) return false;
  std::optional<QualityReference> measured;
  if (child.outcome == Outcome::ok) measured = load_reference(file, plan_hash);
  if (!measured) {
    if (child.detail.starts_with("grader: ")) throw std::runtime_error(child.detail);
    throw std::runtime_error(
        model_path_.string() +
        ": cannot be run at full precision, which quality is measured against: " + child.detail);
  }
  reference_ = std::move(*measured);
  return true;
}

bool Profiler::prepare_kernels(std::span<const WeightFormat* const> formats, double budget_s,
                               bool retune, const std::function<void(const std::string&)>& say) {
  std::optional<KernelTable> table =
      tuned_kernels(target_, formats, store_, clock_, budget_s, retune, stop_, say);
  if (table) kernels_ = std::move(*table);
  return table.has_value();
}

bool Profiler::prepare_losses(double budget_s) {
  std::optional<MeasuredLosses> losses = measured_losses({.model = [this] { return open(); },
                                                          .model_key = model_key(),
                                                          .build = build_,
                                                          .target = target_,
                                                          .plan = plan_,
                                                          .reference = reference_,
                                                          .packs = &packs_},
                                                         store_, clock_, budget_s, stop_);
  if (losses) losses_ = std::move(*losses);
  return losses.has_value();
}

bool Profiler::prepare_costs(std::span<const DeployConfig> candidates, std::size_t sure,
                             double budget_s, std::uint64_t seed,
                             const std::function<void(const std::string&)>& say) {
  std::optional<CalibratedCosts> costs = calibrated_costs({.model = model_path_,
                                                           .model_hash = model_hash_,
                                                           .build = build_,
                                                           .target = target_,
                                                           .candidates = candidates,
                                                           .sure = sure,
                                                           .workload = workload_,
                                                           .trace_hash = trace_hash_,
                                                           .kernels = kernels_,
                                                           .vocabulary = vocabulary_,
                                                           .seed = seed,
                                                           .packs = &packs_},
                                                          store_, clock_, budget_s, stop_, say);
  if (costs) costs_ = std::move(*costs);
  return costs.has_value();
}

std::string Profiler::kernels_of(const DeployConfig& config) const {
  std::string names;
  for (const std::string_view knob : {"prefill_kernel", "decode_kernel", "attention_kernel"})
    names += knob_text(config, knob) + ' ';
  return names + used_kernels(kernels_, config, target_.model);
}

TrialKey Profiler::key(std::string kind, const DeployConfig& config, const Workload& workload,
                       std::uint64_t seed) const {
  // Only what a measurement depends on: names, floors, prices and budgets may change at no cost.
  return {.kind = std::move(kind),
          .model = model_key(),
          .machine = target_.machine.fingerprint,
          .config = to_json(config) + used_kernels(kernels_, config, target_.model),
          .workload = canonical_speed_json(workload) + trace_hash_ + plan_.hash(),
          .build = build_,
          .seed = seed};
}

ChildResult Profiler::pack(const DeployConfig& config) {
  const std::string treatment = to_text(config.weights) + ' ' + std::string(config.smoothing.name);
  if (packed_.contains(treatment)) return {};
  ChildResult child = run_isolated(
      [&] {
        load_model(open(), config, kernels_, &packs_);
        return std::string("packed");
      },
      1e9, stop_);
  if (!child.interrupted && child.outcome == Outcome::ok) packed_.insert(treatment);
  return child;
}

std::optional<std::string> Profiler::fault_of(const DeployConfig& config, const Quality& quality) {
  if (!takes_fault_check(quality)) return "";
  const double timeout_s =
      std::clamp(kFaultShare * 60 * workload_.budget.minutes, kLeastFaultSeconds, 60.0);
  const ChildResult child = run_isolated(
      [&] {
        return find_fault([this] { return open(); }, config, kernels_, &packs_, plan_, reference_);
      },
      timeout_s, stop_);
  if (child.interrupted) return std::nullopt;
  return child.outcome == Outcome::ok ? child.output : "";
}

bool Profiler::takes_fault_check(const Quality& quality) {
  const double limit = workload_.quality.floors.max_kl_divergence.value_or(kDefaultMaxKl);
  return quality.kl_divergence > limit && fault_checks_left_-- > 0;
}

Profiled Profiler::run(const TrialKey& key, const DeployConfig& config, double timeout_s,
                       bool fresh_quality, const MeasureSpeed& measure_speed) {
  if (std::optional<Measurement> found = store_.find(key)) {
    price(found->speed, workload_.cost.usd_per_hour);
    takes_fault_check(found->quality);  // as when it was measured
    return {.measurement = std::move(*found), .from_store = true};
  }

  double begin = clock_.now();
  const std::string memo =
      digest({quality_key(model_key(), config, plan_.hash(), build_), kernels_of(config)});
  std::optional<std::string> known_quality;
  if (!fresh_quality) known_quality = store_.find_blob(memo);

  const auto trial = [&] {
    // What the parent has freed would serve the trial without counting.
    malloc_trim(0);
    const std::uint64_t resident_before = resident_bytes();
    // Each canary is gone before or comes after what memory is measured of.
    const double before_s = Canary(target_.machine.cores).seconds(clock_);
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak so far is the parent's
    Measurement m;
    double load_s = 0;
    const LoadedModel model = load_and_warm(open(), config, kernels_, packs_, clock_, load_s);
    m.speed = measure_speed(model);
    m.speed.load_s = load_s;
    // What serving needed beyond what the process was born with.
    const std::uint64_t peak = peak_memory_bytes();
    m.speed.peak_memory_bytes += peak - std::min(peak, resident_before);
    m.speed.canary_s = std::min(before_s, Canary(target_.machine.cores).seconds(clock_));
    m.quality = known_quality ? parse_quality(*known_quality, "the store's memo of qualities")
                              : measure_quality(model, config, plan_, reference_);
    // Of these very kernels and this batch, so never from the memo.
    measure_decoding(model, config, plan_, reference_, m.quality);
    return to_json(m);
  };
  // Not on the trial's time: what a start pays once is no property of the deployment.
  ChildResult child = pack(config);
  if (!child.interrupted && child.outcome == Outcome::ok) {
    begin = clock_.now();
    child = run_isolated(trial, timeout_s, stop_);
  }
  if (child.interrupted) return {.interrupted = true};

  Measurement m;
  if (child.outcome == Outcome::ok) m = parse_measurement(child.output, "the trial's process");
  m.outcome = child.outcome;
  m.detail = child.detail;
  m.seconds = clock_.now() - begin;
  m.measured_at = clock_.utc();
  if (m.outcome == Outcome::ok && !known_quality) {
    const std::optional<std::string> fault = fault_of(config, m.quality);
    if (!fault) return {.interrupted = true};
    m.quality.fault = *fault;
    // A fault is the kernels', not that of all configs that round alike.
    if (m.quality.fault.empty()) {
      Quality kept = m.quality;
      kept.kl_added_by_decoding = kept.kl_added_by_decoding_standard_error = 0;
      store_.put_blob(memo, to_json(kept));
    }
  }
  store_.put(key, m);
  price(m.speed, workload_.cost.usd_per_hour);
  return {.measurement = std::move(m)};
}

Profiled Profiler::measure(const DeployConfig& config, const Workload& workload, std::uint64_t seed,
                           double timeout_s) {
  return run(key("trial", config, workload, seed), config, timeout_s, false,
             [&](const LoadedModel& model) {
               return measure_speed(model, config, workload, seed, vocabulary_, clock_,
                                    rate_steps_);
             });
}

Profiled Profiler::verify(const DeployConfig& config, const Workload& workload, double level,
                          std::uint64_t seed, double timeout_s, const VerifiedParts& parts) {
  char kind[96];
  std::snprintf(kind, sizeof kind, "verify %.17g, %d requests%s", level,
                counted_requests(workload, workload.arrival.is_closed() ? 0 : level),
                parts.own_load ? ", own load" : "");
  return run(key(kind, config, workload, seed), config, timeout_s, parts.fresh_quality,
             [&](const LoadedModel& model) {
               return measure_speed_at(model, config, workload, level, seed, parts.own_load,
                                       vocabulary_, clock_);
             });
}

}  // namespace paretune
