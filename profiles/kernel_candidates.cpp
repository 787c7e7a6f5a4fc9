#include "profiles/kernel_candidates.h"

#include <unistd.h>

#include <algorithm>

#include "kernels/packing.h"

namespace paretune {
namespace {

constexpr int kSkinny = 16;  // rows up to which weights stream by once

// Every kernel of these weights and activations that runs here, best family first; scalar only
// where there is nothing else.
std::vector<const MatmulVariant*> kernels(const KernelKey& key) {
  std::vector<const MatmulVariant*> rows;
  for (const MatmulVariant& v : matmul_variants()) {
    if (v.weights == key.weights && v.activations == key.activations && cpu_has(v.needs) &&
        (v.family != "scalar" || rows.empty()))
      rows.push_back(&v);
  }
  return rows;
}

bool is_amx(const MatmulVariant& v) { return v.needs == Isa::amx_int8 || v.needs == Isa::amx_bf16; }

}  // namespace

Caches this_machines_caches() {
  Caches caches;
  const auto read = [](int name, std::size_t& to) {
    if (const long bytes = sysconf(name); bytes > 0) to = static_cast<std::size_t>(bytes);
  };
  read(_SC_LEVEL1_DCACHE_SIZE, caches.l1);
  read(_SC_LEVEL2_CACHE_SIZE, caches.l2);
  read(_SC_LEVEL3_CACHE_SIZE, caches.l3);
  return caches;
}

std::vector<MatmulPlan> candidate_plans(const KernelKey& key, const Caches& caches) {
  std::vector<MatmulPlan> plans{
      default_plan(kKernelFamilies.front(), *key.weights, key.activations)};
  const auto add = [&](const MatmulPlan& plan) {
    if (std::ranges::find(plans, plan) == plans.end()) plans.push_back(plan);
  };
  const std::vector<const MatmulVariant*> variants = kernels(key);
  for (const MatmulVariant* v : variants) add({.variant = v});

  // A claim costs an atomic addition, and a share of its own nothing: claims pay where a neighbour
  // takes a core, which a quiet tuning run does not show. They are tried with every walk that is
  // otherwise the best.
  for (const MatmulVariant* v : variants) {
    if (key.m <= kSkinny) {
      for (const int streams : {1, 4, 2}) {
        for (const int prefetch : {2048, 4096, 1024, 512, 0}) {
          add({.variant = v,
               .walk = {.prefetch = prefetch, .streams = streams},
               .panel_block = 16});
        }
      }
      add({.variant = v, .walk = {.prefetch = 2048, .streams = 1}, .panel_block = 64});
      add({.variant = v, .walk = {.prefetch = 2048, .streams = 4}, .panel_block = 64});
      add({.variant = v, .panel_block = 8, .claimed = true});
      add({.variant = v, .panel_block = 16, .claimed = true});
      continue;
    }
    // Rows of x that stay in L2 beside the panels that pass, in half of it.
    const std::size_t row_bytes = v->row_bytes(key.k);
    std::vector<int> row_blocks{0};
    for (const int rows : {256, 128, 64, 512, 32}) {
      if (rows < key.m && std::size_t(rows) * row_bytes <= caches.l2 * 3 / 4)
        row_blocks.push_back(rows);
    }
    const std::vector<int> depths =
        is_amx(*v) ? std::vector<int>{1024, 512, 2048} : std::vector<int>{1024};
    for (const int depth : depths) {
      for (const int rows : row_blocks) {
        for (const int panels : {8, 16, 4, 32}) {
          for (const int streams : {1, 4}) {
            if (streams != 1 && is_amx(*v)) continue;  // its tiles are two panels wide whatever
            add({.variant = v,
                 .walk = {.streams = streams, .depth_block = depth},
                 .row_block = rows,
                 .panel_block = panels});
          }
        }
      }
    }
    add({.variant = v, .walk = {.streams = 4}, .panel_block = 8, .claimed = true});
    for (int shares = 2; shares <= key.threads; shares *= 2) {
      if (key.threads % shares != 0) continue;
      add({.variant = v, .panel_block = 16, .row_shares = shares});
      add({.variant = v, .walk = {.streams = 4}, .panel_block = 16, .row_shares = shares});
    }
  }
  return plans;
}

}  // namespace paretune
