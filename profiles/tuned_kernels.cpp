#include "profiles/tuned_kernels.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "profiles/digest.h"
#include "profiles/isolate.h"
#include "profiles/sentinel.h"

namespace paretune {
namespace {

std::string key_of(const KernelTask& task, const std::string& machine, const Caches& caches) {
  const std::size_t cold = std::min(task.model_bytes, 2 * caches.l3);
  return digest({"kernel plans", machine, std::to_string(kKernelsVersion), task.weights->name,
                 std::to_string(static_cast<int>(task.activations)), std::to_string(task.n),
                 std::to_string(task.k), std::to_string(task.threads), std::to_string(cold)});
}

void add_all(KernelTable& table, const std::string& json, const std::string& where) {
  const KernelTable more = kernel_table_from_json(json, where);
  for (const KernelChoice& choice : more.choices()) table.add(choice);
}

}  // namespace

std::optional<KernelTable> tuned_kernels(const Target& target,
                                         std::span<const WeightFormat* const> formats, Store& store,
                                         Clock& clock, double budget_s, bool retune,
                                         const std::atomic<bool>& stop,
                                         const std::function<void(const std::string&)>& say) {
  const Caches caches = this_machines_caches();
  const std::string& machine = target.machine.fingerprint;
  const std::string sentinel_key = digest({"sentinel", machine, std::to_string(kKernelsVersion)});
  const std::vector<KernelTask> tasks = kernel_tasks(target, formats);

  KernelTable table;
  std::vector<KernelTask> missing;
  for (const KernelTask& task : tasks) {
    const auto kept = retune ? std::nullopt : store.find_blob(key_of(task, machine, caches));
    if (kept) {
      add_all(table, *kept, store.file().string() + ": kernel plans");
    } else {
      missing.push_back(task);
    }
  }

  const auto isolated = [&](const std::function<std::string(ThreadPool&)>& work, double timeout_s) {
    return run_isolated(
        [&] {
          ThreadPool pool(target.machine.physical_cores);
          return work(pool);
        },
        timeout_s, stop);
  };
  const ChildResult sentinel = isolated(
      [&](ThreadPool& pool) { return to_json(measure_sentinel(caches, pool, clock)); }, 30);
  if (sentinel.interrupted) return std::nullopt;
  const std::optional<Sentinel> now = parse_sentinel(sentinel.output);
  const std::optional<std::string> kept = store.find_blob(sentinel_key);
  const std::optional<Sentinel> then = kept && !retune ? parse_sentinel(*kept) : std::nullopt;
  if (const std::string changed = now && then ? changes(*then, *now) : ""; !changed.empty()) {
    // Not reason enough to tune again by itself: a busy neighbour looks the same, and plans that
    // changed would invalidate every trial measured so far.
    say("this machine is not as fast as when its kernels were tuned, or faster: " + changed +
        "; if that lasts, tune --retune-kernels");
  }
  if (missing.empty()) return table;
  if (now) store.put_blob(sentinel_key, to_json(*now));

  say("tuning the matrix kernels of " + std::to_string(missing.size()) + " products");
  const double begin = clock.now();
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const KernelTask& task = missing[i];
    const double left = std::max(0.0, budget_s - (clock.now() - begin));
    const double share = left / static_cast<double>(missing.size() - i);
    std::string wrong;  // the kernel that gave another answer than the reference
    const ChildResult child = isolated(
        [&](ThreadPool& pool) {
          const KernelTable tuned(tune_kernels(
              task, caches, pool, clock, share,
              [&](const KernelChoice& choice) { wrong = choice.plan.variant->family; }));
          if (!wrong.empty()) {
            throw std::runtime_error("the kernel \"" + wrong +
                                     "\" disagrees with the reference; please report it");
          }
          return to_json(tuned);
        },
        60 + 4 * share);
    if (child.interrupted) return std::nullopt;
    if (child.outcome != Outcome::ok) {
      // Without a table default plans serve: slower at worst.
      say("kernels of " + std::string(task.weights->name) + " " + std::to_string(task.n) + " x " +
          std::to_string(task.k) + " stay untuned: " + child.detail);
      continue;
    }
    store.put_blob(key_of(task, machine, caches), child.output);
    add_all(table, child.output, "kernel plans");
  }
  const KernelGains gains = kernel_gains(table);
  char text[160];
  std::snprintf(
      text, sizeof text,
      "%d of %d kernel plans beat the default; time over the default's: median %.2f, best "
      "%.2f",
      gains.changed, gains.plans, 1 / gains.median, 1 / gains.best);
  say(text);
  return table;
}

}  // namespace paretune
