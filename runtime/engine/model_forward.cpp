// A step through the model: its buffers, its layers in order, and its matrix products.
#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/packing.h"
#include "runtime/engine/block_results.h"
#include "runtime/engine/model.h"
#include "runtime/engine/rows.h"

namespace paretune {
namespace {

// A team of one, for a thread that has a shard to itself.
struct Solo {
  Barrier barrier;
  std::atomic<int> cursors[2] = {0, 0};
  Team team{0, 1, barrier, cursors};
};

}  // namespace

std::span<const float> Model::forward(std::span<const Segment> segments, Phase phase,
                                      ThreadPool& pool, Workspace& w) const {
  const ModelShape& s = shape();
  const int qkv_width = (s.n_heads + 2 * s.n_kv_heads) * s.head_dim;
  const int threads = phase == Phase::prefill ? config_.prefill_threads : config_.decode_threads;

  w.row_segment.clear();
  w.row_position.clear();
  w.logit_rows.clear();
  w.segment_row.clear();
  int context = 0;
  for (int i = 0; i < static_cast<int>(segments.size()); ++i) {
    const Segment& segment = segments[static_cast<std::size_t>(i)];
    const int n = static_cast<int>(segment.tokens.size());
    w.segment_row.push_back(static_cast<int>(w.row_segment.size()));
    for (int t = 0; t < n; ++t) {
      if (t >= segment.logits_from) w.logit_rows.push_back(static_cast<int>(w.row_segment.size()));
      w.row_segment.push_back(i);
      w.row_position.push_back(segment.past + t);
    }
    context = std::max(context, segment.past + n);
  }
  const int rows = static_cast<int>(w.row_segment.size());
  const int team_size = std::min(threads, pool.size());
  const int shards = !w.observer && shards_rows(config_, s, team_size, rows) ? team_size : 1;
  w.shard_ends.clear();
  for (int i = 0; i < shards; ++i) w.shard_ends.push_back(Team::share_of(rows, 1, i, shards).end);
  plan_attention(segments, threads, w);
  w.recent.plan(cache_layout(), segments);
  const int wanted = static_cast<int>(w.logit_rows.size());

  grow_to(w.x, rows, s.d_model);
  grow_to(w.y, rows, s.d_model);
  grow_to(w.qkv, rows, qkv_width);
  grow_to(w.query, rows, s.n_heads * s.head_dim);
  grow_to(w.attention, rows, s.n_heads * s.head_dim);
  const int assignments = rows * (s.n_experts > 0 ? s.n_experts_used : 1);
  grow_to(w.hidden, assignments, s.d_ff);
  if (s.n_experts > 0) {
    grow_to(w.router_logits, rows, s.n_experts);
    grow_to(w.gathered, assignments, s.d_model);
    w.routing.resize(rows, s.n_experts, s.n_experts_used);
  }
  grow_to(w.cosines, rows, s.head_dim / 2);
  grow_to(w.sines, rows, s.head_dim / 2);
  grow_to(w.selected, wanted, s.d_model);
  if (!w.observer) grow_to(w.logits, wanted, s.vocab_size);
  std::size_t prepared = 0, low_rank_input = 0, low_rank_prepared = 0, low_rank = 0;
  std::size_t scratch = attention_->scratch_floats(context, s.n_heads, s.n_kv_heads, s.head_dim);
  const auto need = [&](const Matrix& matrix, int m, int grain) {
    if (m == 0) return;
    const MatmulPlan& plan = matrix.plan(phase, m);
    prepared = std::max(prepared, plan.variant->prepared_bytes(m, matrix.packed.k));
    scratch = std::max(scratch, block_floats(plan, m, grain));
    if (matrix.low_rank.empty()) return;
    const Matrix &in = matrix.low_rank[0], &out = matrix.low_rank[1];
    const MatmulPlan &in_plan = in.plan(phase, m), &out_plan = out.plan(phase, m);
    // Blocks of A's product lie beside those that they are added to.
    scratch = std::max({scratch, 2 * block_floats(plan, m, grain), block_floats(in_plan, m, 1)});
    low_rank_input = std::max(low_rank_input, in_plan.variant->prepared_bytes(m, in.packed.k));
    low_rank_prepared =
        std::max(low_rank_prepared, out_plan.variant->prepared_bytes(m, out.packed.k));
    low_rank = std::max(low_rank, row_offset(m, in.packed.n) * sizeof(float));
  };
  const int fewest = rows / shards, most = (rows + shards - 1) / shards;  // rows of a shard
  for (const std::size_t i : distinct_layers_) {
    const Layer& layer = layers_[i];
    for (const int m : {fewest, most}) {
      need(layer.qkv, m, 1);
      need(layer.attention_output, m, 1);
      if (s.n_experts > 0) continue;
      need(layer.gate_up[0], m, 2 * kPairPanels);
      need(layer.down[0], m, 1);
    }
    if (s.n_experts == 0) continue;
    need(layer.router, rows, 1);
    for (int m = 1; m <= rows; ++m) {  // an expert's rows: any number of them
      need(layer.gate_up[0], m, 2 * kPairPanels);
      need(layer.down[0], m, 1);
    }
    for (const Matrix* matrix : {&layer.gate_up[0], &layer.down[0]}) {
      prepared = std::max(prepared, expert_prepared_bytes(*matrix, phase, assignments));
    }
  }
  if (!w.observer) need(output_, wanted, 1);
  const auto reserve = [&](AlignedBuffer& buffer, std::size_t& bytes) {
    bytes = round_up_64(bytes);
    const std::size_t all = bytes * static_cast<std::size_t>(shards);
    if (buffer.size() < all) buffer = AlignedBuffer(all);
  };
  reserve(w.prepared, prepared);
  reserve(w.low_rank_input, low_rank_input);
  reserve(w.low_rank_prepared, low_rank_prepared);
  reserve(w.low_rank, low_rank);
  w.scratch.resize(
      static_cast<std::size_t>(std::max<int>(pool.size(), static_cast<int>(w.scratch.size()))));
  for (std::vector<float>& one : w.scratch) {
    if (one.size() < scratch) one.resize(scratch);
  }

  pool.run(threads, [&](Team& team) {
    const auto shard_at = [&](int index, int begin, int count, Team& shards_own) {
      const auto at = static_cast<std::size_t>(index);
      return Shard{.begin = begin,
                   .rows = count,
                   .team = shards_own,
                   .all = team,
                   .prepared = w.prepared.data() + at * prepared,
                   .low_rank_input = w.low_rank_input.data() + at * low_rank_input,
                   .low_rank_prepared = w.low_rank_prepared.data() + at * low_rank_prepared,
                   .low_rank = reinterpret_cast<float*>(w.low_rank.data() + at * low_rank),
                   .scratch = w.scratch[static_cast<std::size_t>(team.rank())]};
    };
    Solo solo;
    const Team::Range own = Team::share_of(rows, 1, team.rank(), shards);
    const Shard shard = shards > 1
                            ? shard_at(team.rank(), own.begin, own.end - own.begin, solo.team)
                            : shard_at(0, 0, rows, team);
    const Team::Range mine = shard.mine();
    for (int r = mine.begin; r < mine.end; ++r) {
      const Segment& segment =
          segments[static_cast<std::size_t>(w.row_segment[static_cast<std::size_t>(r)])];
      const int position = w.row_position[static_cast<std::size_t>(r)];
      const int token = segment.tokens[static_cast<std::size_t>(position - segment.past)];
      embed(token, row_of(w.x, r, s.d_model));
      for (int i = 0; i < s.head_dim / 2; ++i) {
        const double angle =
            static_cast<double>(position) * s.rope_inverse_frequencies[static_cast<std::size_t>(i)];
        w.cosines[row_offset(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::cos(angle));
        w.sines[row_offset(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::sin(angle));
      }
    }
    for (int layer = 0; layer < s.n_layers; ++layer) run_layer(layer, phase, segments, w, shard);
    if (!shard.whole()) team.barrier();

    if (wanted == 0) return;
    const Team::Range chosen = team.share(wanted);
    for (int r = chosen.begin; r < chosen.end; ++r) {
      rms_norm(row_of(w.x, w.logit_rows[static_cast<std::size_t>(r)], s.d_model), output_norm_,
               s.rms_epsilon, row_of(w.selected, r, s.d_model));
    }
    if (w.observer) {
      team.barrier();
      w.observer->observe(InputSite::output, 0, wanted, w.selected.data(), team);
      return;
    }
    const Shard logits = shard_at(0, 0, wanted, team);
    prepare(output_, phase, w.selected.data(), logits);
    multiply(output_, phase, 1, logits,
             [&](const MatmulBlock& block) { copy_block(block, w.logits.data(), s.vocab_size); });
  });
  if (w.observer) return {};
  return {w.logits.data(), row_offset(wanted, s.vocab_size)};
}

void Model::prepare(const Matrix& matrix, Phase phase, const float* x, const Shard& shard) const {
  const int rows = shard.rows;
  const Team::Range mine = shard.team.share(rows);
  x += row_offset(shard.begin, matrix.packed.k);
  const MatmulVariant& variant = *matrix.plan(phase, rows).variant;
  if (matrix.reach > 0 && variant.prepare_static) {
    variant.prepare_static(x, matrix.packed.k, mine.begin, mine.end, matrix.reach, shard.prepared);
  } else {
    variant.prepare(x, rows, matrix.packed.k, mine.begin, mine.end, shard.prepared);
  }
  if (!matrix.low_rank.empty()) {
    const Matrix &in = matrix.low_rank[0], &out = matrix.low_rank[1];
    const MatmulPlan& plan = in.plan(phase, rows);
    plan.variant->prepare(x, rows, in.packed.k, mine.begin, mine.end, shard.low_rank_input);
    shard.team.barrier();
    multiply_blocks(
        plan, shard.low_rank_input, rows, in.packed, 1, shard.team, shard.scratch.data(),
        [&](const MatmulBlock& block) { copy_block(block, shard.low_rank, in.packed.n); });
    shard.team.barrier();
    out.plan(phase, rows)
        .variant->prepare(shard.low_rank, rows, in.packed.n, mine.begin, mine.end,
                          shard.low_rank_prepared);
  }
  shard.team.barrier();
}

template <class Finish>
void Model::multiply(const Matrix& matrix, Phase phase, int grain, const Shard& shard,
                     Finish&& finish) const {
  const int rows = shard.rows;
  const MatmulPlan& plan = matrix.plan(phase, rows);
  const auto finish_in_step = [&](MatmulBlock block) {
    block.row_begin += shard.begin;
    block.row_end += shard.begin;
    finish(block);
  };
  if (matrix.low_rank.empty()) {
    multiply_blocks(plan, shard.prepared, rows, matrix.packed, grain, shard.team,
                    shard.scratch.data(), finish_in_step);
    return;
  }
  const Matrix& out = matrix.low_rank[1];
  const MatmulPlan& out_plan = out.plan(phase, rows);
  const std::size_t row_bytes = out_plan.variant->row_bytes(out.packed.k);
  float* const scratch = shard.scratch.data();
  float* const more = scratch + block_floats(plan, rows, grain);
  multiply_blocks(plan, shard.prepared, rows, matrix.packed, grain, shard.team,
                  shard.scratch.data(), [&](const MatmulBlock& block) {
                    const int count = block.row_end - block.row_begin;
                    const PackedMatrix columns =
                        out.packed.panels(block.panel_begin, block.panel_end);
                    out_plan.variant->run(shard.low_rank_prepared +
                                              static_cast<std::size_t>(block.row_begin) * row_bytes,
                                          count, columns, out_plan.walk, more, block.ldy);
                    for (int r = 0; r < count; ++r) {
                      const auto at = static_cast<std::size_t>(r) * block.ldy;
                      const auto width = static_cast<std::size_t>(columns.n);
                      add({scratch + at, width}, {more + at, width});
                    }
                    finish_in_step(block);
                  });
}

void Model::run_layer(int index, Phase phase, std::span<const Segment> segments, Workspace& w,
                      const Shard& shard) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const int qkv_width = layer.qkv.packed.n;
  const Team::Range mine = shard.mine();
  const auto norm_and_prepare = [&](const std::vector<float>& weight, const Matrix& matrix) {
    for (int r = mine.begin; r < mine.end; ++r) {
      rms_norm(row_of(w.x, r, s.d_model), weight, s.rms_epsilon, row_of(w.y, r, s.d_model));
    }
    prepare(matrix, phase, w.y.data(), shard);
  };
  const auto product = [&](const Matrix& matrix, int grain, auto&& finish) {
    multiply(matrix, phase, grain, shard, finish);
    shard.team.barrier();
  };
  const auto add_to_x = [&](const MatmulBlock& block) {
    const int from = block.panel_begin * kPanel;
    const auto width =
        static_cast<std::size_t>(std::min(block.panel_end * kPanel, s.d_model) - from);
    for (int r = block.row_begin; r < block.row_end; ++r) {
      add(row_of(w.x, r, s.d_model).subspan(static_cast<std::size_t>(from), width),
          {block.y + static_cast<std::size_t>(r - block.row_begin) * block.ldy, width});
    }
  };

  const auto observe = [&](InputSite site, const std::vector<float>& x) {
    if (w.observer) w.observer->observe(site, index, shard.rows, x.data(), shard.team);
  };

  norm_and_prepare(layer.attention_norm, layer.qkv);
  observe(InputSite::qkv, w.y);
  product(layer.qkv, 1,
          [&](const MatmulBlock& block) { copy_block(block, w.qkv.data(), qkv_width); });
  attend(index, segments, w, shard);
  prepare(layer.attention_output, phase, w.attention.data(), shard);
  observe(InputSite::attention_output, w.attention);
  product(layer.attention_output, 1, add_to_x);

  if (s.n_experts > 0) {
    run_experts(index, phase, w, shard.team);
    return;
  }
  norm_and_prepare(layer.mlp_norm, layer.gate_up[0]);
  observe(InputSite::gate_up, w.y);
  product(layer.gate_up[0], 2 * kPairPanels,
          [&](const MatmulBlock& block) { silu_mul_block(block, w.hidden.data(), s.d_ff); });
  prepare(layer.down[0], phase, w.hidden.data(), shard);
  observe(InputSite::down, w.hidden);
  product(layer.down[0], 1, add_to_x);
}

}  // namespace paretune
