#include "runtime/engine/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <mutex>

#include "kernels/elementwise.h"
#include "runtime/engine/block_results.h"
#include "runtime/engine/rows.h"
#include "runtime/model/exact_repack.h"

namespace paretune {
namespace {

constexpr int kAttentionTile =
    16;  // query tokens of one attention task: a few hundred for two threads to share

std::vector<float> read_vector(const ModelSource& source, Weight weight, int layer) {
  std::vector<float> values(static_cast<std::size_t>(source.weight_shape(weight)[1]));
  source.read_rows(weight, layer, 0, 1, values);
  return values;
}

}  // namespace

MatmulPlans Model::plans_for(Phase phase, const PackedMatrix& matrix,
                             const KernelTable& kernels) const {
  const bool prefill = phase == Phase::prefill;
  const std::string_view kernel =
      prefill ? config_.prefill_kernel.name : config_.decode_kernel.name;
  const Activations activations = effective_activations(config_, *matrix.format);
  if (kernel != "tuned") return MatmulPlans(default_plan(kernel, *matrix.format, activations));
  return kernels.plans(*matrix.format, activations, matrix.n, matrix.k,
                       prefill ? config_.prefill_threads : config_.decode_threads);
}

Model::Matrix Model::pack(std::span<const Run> runs, int n, const WeightFormat& format,
                          ThreadPool& pool, const KernelTable& kernels) {
  Matrix matrix;
  const int k = source_.weight_shape(runs[0].part.weight)[1];
  const std::size_t bytes = format.packed_bytes(n, k);
  matrix.packed = {&format, n, k, {}};
  PackCache* const packs = bytes >= PackCache::kLeastBytes ? packs_ : nullptr;
  const std::string key = packs ? pack_key(matrix, runs) : "";
  if (std::optional<PackCache::Found> found = packs ? packs->find(key, bytes) : std::nullopt) {
    matrix.packed.data = found->bytes;
    matrix.file = std::move(found->file);
  } else {
    matrix.memory = AlignedBuffer(bytes);
    matrix.packed.data = matrix.memory.bytes();
    pack_into(matrix, runs, pool);
    if (packs) packs->keep(key, matrix.packed.data);
  }
  weight_bytes_ += bytes;
  for (const Phase phase : {Phase::prefill, Phase::decode}) {
    matrix.plans.push_back(plans_for(phase, matrix.packed, kernels));
  }
  return matrix;
}

std::string Model::pack_key(const Matrix& matrix, std::span<const Run> runs) const {
  std::string rows;
  for (const Run& run : runs) {
    rows += std::string(weight_info(run.part.weight).name) + ' ' + std::to_string(run.part.layer) +
            ' ' + std::to_string(run.row) + ' ' + std::to_string(run.count) + ' ' +
            std::to_string(run.at) + '\n';
  }
  return PackCache::key({std::to_string(kKernelsVersion), std::string(matrix.packed.format->name),
                         std::string(config_.quantizer.name), std::to_string(matrix.packed.n),
                         std::to_string(matrix.packed.k), model_hash_, rows});
}

// Calls take(run, first row of the matrix, end row) for what of each run lies in rows [begin, end).
template <class Take>
void Model::for_each_run(std::span<const Run> runs, int begin, int end, Take&& take) {
  for (const Run& run : runs) {
    const int from = std::max(begin, run.at), to = std::min(end, run.at + run.count);
    if (from < to) take(run, from, to);
  }
}

void Model::pack_rounded(const Matrix& matrix, std::span<const Run> runs, int begin,
                         int end) const {
  const auto& [format, n, k, data] = matrix.packed;
  std::vector<float> rows(row_offset(end - begin, k));
  for_each_run(runs, begin, end, [&](const Run& run, int from, int to) {
    source_.read_rows(run.part.weight, run.part.layer, run.row + from - run.at,
                      run.row + to - run.at,
                      {rows.data() + row_offset(from - begin, matrix.packed.k),
                       row_offset(to - from, matrix.packed.k)});
  });
  format->pack(rows, n, k, begin, end, matrix.memory.bytes());
}

// The method the config names, with what calibration saw of the matrix's inputs; round-to-nearest
// for formats without a grid.
std::unique_ptr<RowQuantizer> Model::quantizer_for(const Matrix& matrix, const Run& run) const {
  const WeightFormat& format = *matrix.packed.format;
  if (!has_grid(format)) return make_round_to_nearest(format, nullptr);
  const Quantizer& method = find_quantizer(config_.quantizer.name);
  const std::optional<InputSite> site = input_site(run.part.weight);
  if (!calibration_ || !site) return method.make(format, nullptr);
  const InputStatistics statistics = calibration_->statistics(*site, run.part.layer);
  return method.make(format, &statistics);
}

void Model::pack_coded(const Matrix& matrix, std::span<const Run> runs,
                       const RowQuantizer& quantizer, int begin, int end) const {
  const auto& [format, n, k, data] = matrix.packed;
  const std::vector<float> zeros(static_cast<std::size_t>(k), 0.0f);
  std::vector<RowCodes> rows(static_cast<std::size_t>(end - begin));
  for (RowCodes& codes : rows) format->encode(zeros, codes);  // those of no run stay zero
  for_each_run(runs, begin, end, [&](const Run& run, int from, int to) {
    const auto [weight, layer] = run.part;
    const ExactRepack* const repack =
        find_exact_repack(source_.source_format(weight, layer), *matrix.packed.format);
    const int first = run.row + from - run.at;
    const std::span<RowCodes> out = std::span(rows).subspan(static_cast<std::size_t>(from - begin),
                                                            static_cast<std::size_t>(to - from));
    if (repack) {
      for (int i = 0; i < to - from; ++i) {
        repack->split(source_.stored_row(weight, layer, first + i),
                      out[static_cast<std::size_t>(i)]);
      }
      return;
    }
    const int k = matrix.packed.k;
    std::vector<float> values(row_offset(to - from, k));
    source_.read_rows(weight, layer, first, first + to - from, values);
    quantizer.quantize(values, k, out);
  });
  format->pack_codes(rows, n, k, begin, end, matrix.memory.bytes());
}

void Model::pack_into(const Matrix& matrix, std::span<const Run> runs, ThreadPool& pool) const {
  // By codes where the config's method makes them, or where the file's grid is the format's.
  const bool stored = std::ranges::any_of(runs, [&](const Run& run) {
    return find_exact_repack(source_.source_format(run.part.weight, run.part.layer),
                             *matrix.packed.format) != nullptr;
  });
  const bool searched =
      has_grid(*matrix.packed.format) && config_.quantizer.name != kQuantizers[0].name;
  const bool coded = stored || searched;
  // The runs of a matrix read the same inputs.
  const std::unique_ptr<RowQuantizer> quantizer = coded ? quantizer_for(matrix, runs[0]) : nullptr;
  std::exception_ptr error;
  std::mutex error_mutex;
  pool.run(pool.size(), [&](Team& team) {
    const Team::Range mine = team.share(matrix.packed.n, kPanel);
    // A few panels at a time: the copy stays in cache whatever the matrix.
    const int step = std::max(kPanel, (1 << 18) / std::max(matrix.packed.k, 1) / kPanel * kPanel);
    try {
      for (int begin = mine.begin; begin < mine.end; begin += step) {
        const int end = std::min(begin + step, mine.end);
        if (coded) {
          pack_coded(matrix, runs, *quantizer, begin, end);
        } else {
          pack_rounded(matrix, runs, begin, end);
        }
      }
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);
}

Model::Matrix Model::pack(std::initializer_list<Part> parts, const WeightFormat& format,
                          ThreadPool& pool, const KernelTable& kernels) {
  std::vector<Run> runs;
  int n = 0;
  for (const Part& part : parts) {
    const int rows = source_.weight_shape(part.weight)[0];
    runs.push_back({part, 0, rows, n});
    n += rows;
  }
  return pack(runs, n, format, pool, kernels);
}

Model::Matrix Model::pack_in_turns(Part first, Part second, const WeightFormat& format,
                                   ThreadPool& pool, const KernelTable& kernels) {
  std::vector<Run> runs;
  const int rows = source_.weight_shape(first.weight)[0];
  int n = 0;
  for (int row = 0; row < rows; row += kPairPanels * kPanel) {
    const int count = std::min(kPairPanels * kPanel, rows - row);
    for (const Part& part : {first, second}) {
      runs.push_back({part, row, count, n});
      n += (count + kPanel - 1) / kPanel * kPanel;
    }
  }
  return pack(runs, n, format, pool, kernels);
}

std::vector<Model::Product> Model::products(const ModelShape& s) {
  const int hidden = (s.d_ff + kPanel - 1) / kPanel * kPanel;
  return {
      {&DeployConfig::attention_weights, (s.n_heads + 2 * s.n_kv_heads) * s.head_dim, s.d_model,
       true},
      {&DeployConfig::attention_weights, s.d_model, s.n_heads * s.head_dim, true},
      {&DeployConfig::mlp_weights, 2 * hidden, s.d_model, true},
      {&DeployConfig::mlp_weights, s.d_model, s.d_ff, true},
      {&DeployConfig::output_weights, s.vocab_size, s.d_model, false},
  };
}

Model::Model(const ModelSource& source, const DeployConfig& config, ThreadPool& pool,
             const KernelTable& kernels, PackCache* packs, const Calibration* calibration)
    : source_(source),
      config_(config),
      calibration_(calibration),
      packs_(packs),
      model_hash_(packs ? packs->model_hash(source) : ""),
      attention_(&resolve_attention(config.attention_kernel.name, *config.kv_cache)) {
  const ModelShape& s = shape();
  for (int i = 0; i < s.n_layers; ++i) {
    Layer& layer = layers_.emplace_back();
    layer.qkv = pack({{Weight::attn_q, i}, {Weight::attn_k, i}, {Weight::attn_v, i}},
                     *config.attention_weights, pool, kernels);
    layer.attention_output =
        pack({{Weight::attn_output, i}}, *config.attention_weights, pool, kernels);
    if (s.n_experts > 0) {
      // Few outputs, on which everything after them depends: never rounded.
      layer.router = pack({{Weight::ffn_router, i}}, kF32, pool, kernels);
      for (int e = i * s.n_experts; e < (i + 1) * s.n_experts; ++e) {
        layer.gate_up.push_back(pack_in_turns({Weight::expert_gate, e}, {Weight::expert_up, e},
                                              *config.mlp_weights, pool, kernels));
        layer.down.push_back(pack({{Weight::expert_down, e}}, *config.mlp_weights, pool, kernels));
      }
    } else {
      layer.gate_up.push_back(pack_in_turns({Weight::ffn_gate, i}, {Weight::ffn_up, i},
                                            *config.mlp_weights, pool, kernels));
      layer.down.push_back(pack({{Weight::ffn_down, i}}, *config.mlp_weights, pool, kernels));
    }
    layer.attention_norm = read_vector(source, Weight::attn_norm, i);
    layer.mlp_norm = read_vector(source, Weight::ffn_norm, i);
    if (s.qkv_bias) {
      for (const Weight bias : {Weight::attn_q_bias, Weight::attn_k_bias, Weight::attn_v_bias}) {
        const std::vector<float> values = read_vector(source, bias, i);
        layer.qkv_bias.insert(layer.qkv_bias.end(), values.begin(), values.end());
      }
    }
    if (s.qk_norm) {
      layer.q_norm = read_vector(source, Weight::attn_q_norm, i);
      layer.k_norm = read_vector(source, Weight::attn_k_norm, i);
    }
  }
  output_norm_ = read_vector(source, Weight::output_norm, 0);
  output_ = pack({{Weight::output, 0}}, *config.output_weights, pool, kernels);
  packs_ = nullptr;
}

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
  plan_attention(segments, threads, w);
  const int rows = static_cast<int>(w.row_segment.size());
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
  grow_to(w.logits, wanted, s.vocab_size);
  std::size_t prepared = 0;
  std::size_t scratch = attention_->scratch_floats(context, s.n_heads, s.n_kv_heads, s.head_dim);
  const auto need = [&](const Matrix& matrix, int m, int grain) {
    if (m == 0) return;
    const MatmulPlan& plan = matrix.plan(phase, m);
    prepared = std::max(prepared, plan.variant->prepared_bytes(m, matrix.packed.k));
    scratch = std::max(scratch, block_floats(plan, m, grain));
  };
  const Layer& first = layers_.front();
  need(first.qkv, rows, 1);
  need(first.attention_output, rows, 1);
  if (s.n_experts > 0) {
    need(first.router, rows, 1);
    for (int m = 1; m <= rows; ++m) {  // an expert's rows: any number of them
      need(first.gate_up[0], m, 2 * kPairPanels);
      need(first.down[0], m, 1);
    }
    for (const Matrix* matrix : {&first.gate_up[0], &first.down[0]}) {
      prepared = std::max(prepared, expert_prepared_bytes(*matrix, phase, assignments));
    }
  } else {
    need(first.gate_up[0], rows, 2 * kPairPanels);
    need(first.down[0], rows, 1);
  }
  need(output_, wanted, 1);
  if (w.prepared.size() < prepared) w.prepared = AlignedBuffer(prepared);
  w.scratch.resize(
      static_cast<std::size_t>(std::max<int>(pool.size(), static_cast<int>(w.scratch.size()))));
  for (std::vector<float>& one : w.scratch) {
    if (one.size() < scratch) one.resize(scratch);
  }

  pool.run(threads, [&](Team& team) {
    const Team::Range mine = team.share(rows);
    for (int r = mine.begin; r < mine.end; ++r) {
      const Segment& segment =
          segments[static_cast<std::size_t>(w.row_segment[static_cast<std::size_t>(r)])];
      const int position = w.row_position[static_cast<std::size_t>(r)];
      const int token = segment.tokens[static_cast<std::size_t>(position - segment.past)];
      source_.read_rows(Weight::token_embedding, 0, token, token + 1, row_of(w.x, r, s.d_model));
      for (int i = 0; i < s.head_dim / 2; ++i) {
        const double angle =
            static_cast<double>(position) * s.rope_inverse_frequencies[static_cast<std::size_t>(i)];
        w.cosines[row_offset(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::cos(angle));
        w.sines[row_offset(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::sin(angle));
      }
    }
    for (int layer = 0; layer < s.n_layers; ++layer) run_layer(layer, phase, segments, w, team);

    if (wanted == 0) return;
    const MatmulPlan& plan = output_.plan(phase, wanted);
    const Team::Range chosen = team.share(wanted);
    for (int r = chosen.begin; r < chosen.end; ++r) {
      rms_norm(row_of(w.x, w.logit_rows[static_cast<std::size_t>(r)], s.d_model), output_norm_,
               s.rms_epsilon, row_of(w.selected, r, s.d_model));
    }
    plan.variant->prepare(w.selected.data(), wanted, s.d_model, chosen.begin, chosen.end,
                          w.prepared.data());
    team.barrier();
    if (w.observer && team.rank() == 0) {
      w.observer->observe(InputSite::output, 0, wanted, w.selected.data());
    }
    multiply_blocks(
        plan, w.prepared.data(), wanted, output_.packed, 1, team,
        w.scratch[static_cast<std::size_t>(team.rank())].data(),
        [&](const MatmulBlock& block) { copy_block(block, w.logits.data(), s.vocab_size); });
  });
  return {w.logits.data(), row_offset(wanted, s.vocab_size)};
}

void Model::run_layer(int index, Phase phase, std::span<const Segment> segments, Workspace& w,
                      Team& team) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const int rows = static_cast<int>(w.row_segment.size());
  const int qkv_width = layer.qkv.packed.n;
  const Team::Range mine = team.share(rows);
  float* const scratch = w.scratch[static_cast<std::size_t>(team.rank())].data();

  const auto prepare = [&](const Matrix& matrix, const std::vector<float>& x) {
    matrix.plan(phase, rows)
        .variant->prepare(x.data(), rows, matrix.packed.k, mine.begin, mine.end, w.prepared.data());
    team.barrier();
  };
  const auto norm_and_prepare = [&](const std::vector<float>& weight, const Matrix& matrix) {
    for (int r = mine.begin; r < mine.end; ++r) {
      rms_norm(row_of(w.x, r, s.d_model), weight, s.rms_epsilon, row_of(w.y, r, s.d_model));
    }
    prepare(matrix, w.y);
  };
  const auto multiply = [&](const Matrix& matrix, int grain, auto&& finish) {
    multiply_blocks(matrix.plan(phase, rows), w.prepared.data(), rows, matrix.packed, grain, team,
                    scratch, finish);
    team.barrier();
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
    if (w.observer && team.rank() == 0) w.observer->observe(site, index, rows, x.data());
  };

  norm_and_prepare(layer.attention_norm, layer.qkv);
  observe(InputSite::qkv, w.y);
  multiply(layer.qkv, 1,
           [&](const MatmulBlock& block) { copy_block(block, w.qkv.data(), qkv_width); });
  attend(index, segments, w, team);
  prepare(layer.attention_output, w.attention);
  observe(InputSite::attention_output, w.attention);
  multiply(layer.attention_output, 1, add_to_x);

  if (s.n_experts > 0) {
    run_experts(layer, phase, w, team);
    return;
  }
  norm_and_prepare(layer.mlp_norm, layer.gate_up[0]);
  observe(InputSite::gate_up, w.y);
  multiply(layer.gate_up[0], 2 * kPairPanels,
           [&](const MatmulBlock& block) { silu_mul_block(block, w.hidden.data(), s.d_ff); });
  prepare(layer.down[0], w.hidden);
  observe(InputSite::down, w.hidden);
  multiply(layer.down[0], 1, add_to_x);
}

// A task for every KV head and tile of tokens; where that leaves threads idle while one token's
// cache is read, its keys are shared in spans, if the kernel can.
void Model::plan_attention(std::span<const Segment> segments, int threads, Workspace& w) const {
  const ModelShape& s = shape();
  const std::size_t floats = span_floats(s.n_heads, s.n_kv_heads, s.head_dim);
  const bool few = static_cast<int>(segments.size()) * s.n_kv_heads < 4 * threads;
  std::size_t partials = 0;
  w.attention_tasks.clear();
  w.merge_tasks.clear();
  for (int i = 0; i < static_cast<int>(segments.size()); ++i) {
    const Segment& segment = segments[static_cast<std::size_t>(i)];
    const int n = static_cast<int>(segment.tokens.size());
    const int spans = span_count(segment.past + 1);
    const bool shared = attention_->run_span && threads > 1 && few && n == 1 && spans > 1;
    for (int head = 0; head < s.n_kv_heads; ++head) {
      if (shared) {
        w.merge_tasks.push_back({i, head, 0, 1, spans, partials});
        for (int span = 0; span < spans; ++span, partials += floats) {
          w.attention_tasks.push_back({i, head, 0, 1, span, partials});
        }
        continue;
      }
      for (int begin = 0; begin < n; begin += kAttentionTile) {
        w.attention_tasks.push_back({i, head, begin, std::min(begin + kAttentionTile, n)});
      }
    }
  }
  if (w.partials.size() < partials) w.partials.resize(partials);
}

// Bias, head norms and RoPE on w.qkv, keys and values into the cache, then attention into
// w.attention.
void Model::attend(int index, std::span<const Segment> segments, Workspace& w, Team& team) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const int rows = static_cast<int>(w.row_segment.size());
  const int width = layer.qkv.packed.n;
  const auto head_dim = static_cast<std::size_t>(s.head_dim);
  const auto queries = static_cast<std::size_t>(s.n_heads) * head_dim;
  const auto keys = static_cast<std::size_t>(s.n_kv_heads) * head_dim;
  const auto pages_of = [&](const Segment& segment) {
    return KvPages{.format = config_.kv_cache,
                   .pages = segment.layer_pages[static_cast<std::size_t>(index)],
                   .page_tokens = config_.kv_page_tokens,
                   .n_kv_heads = s.n_kv_heads,
                   .head_dim = s.head_dim};
  };

  const Team::Range mine = team.share(rows);
  for (int r = mine.begin; r < mine.end; ++r) {
    const std::span<float> qkv = row_of(w.qkv, r, width);
    if (s.qkv_bias) add(qkv, layer.qkv_bias);
    const std::span<float> query = qkv.first(queries), key = qkv.subspan(queries, keys);
    const std::span<const float> value = qkv.subspan(queries + keys);
    if (s.qk_norm) {
      for (std::size_t i = 0; i < queries; i += head_dim) {
        rms_norm(query.subspan(i, head_dim), layer.q_norm, s.rms_epsilon,
                 query.subspan(i, head_dim));
      }
      for (std::size_t i = 0; i < keys; i += head_dim) {
        rms_norm(key.subspan(i, head_dim), layer.k_norm, s.rms_epsilon, key.subspan(i, head_dim));
      }
    }
    const std::span<const float> cosines = row_of(w.cosines, r, s.head_dim / 2),
                                 sines = row_of(w.sines, r, s.head_dim / 2);
    rope(query, s.head_dim, cosines, sines);
    rope(key, s.head_dim, cosines, sines);
    std::ranges::copy(
        query,
        row_of(w.query, r, static_cast<int>(queries)).begin());  // rows as attention wants them
    const KvPages kv =
        pages_of(segments[static_cast<std::size_t>(w.row_segment[static_cast<std::size_t>(r)])]);
    const int position = w.row_position[static_cast<std::size_t>(r)];
    for (int head = 0; head < s.n_kv_heads; ++head) {
      const std::size_t offset = static_cast<std::size_t>(head) * head_dim;
      config_.kv_cache->store(key.subspan(offset, head_dim), kv.key(position, head));
      config_.kv_cache->store(value.subspan(offset, head_dim), kv.value(position, head));
    }
  }
  team.barrier();
  const float scale = 1.0f / std::sqrt(static_cast<float>(s.head_dim));
  const auto first_row = [&](const Workspace::AttentionTask& task) {
    return row_offset(w.segment_row[static_cast<std::size_t>(task.segment)],
                      static_cast<int>(queries));
  };
  team.dynamic(static_cast<int>(w.attention_tasks.size()), [&](int i) {
    const Workspace::AttentionTask& task = w.attention_tasks[static_cast<std::size_t>(i)];
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    const std::size_t first = first_row(task);
    std::vector<float>& scratch = w.scratch[static_cast<std::size_t>(team.rank())];
    if (task.span >= 0) {
      attention_->run_span(w.query.data() + first, s.n_heads, pages_of(segment), segment.past,
                           task.kv_head, task.span, scale, scratch,
                           w.partials.data() + task.partial);
      return;
    }
    attention_->run(w.query.data() + first, s.n_heads, pages_of(segment), segment.past,
                    task.kv_head, task.begin, task.end, scale, scratch, w.attention.data() + first);
  });
  if (w.merge_tasks.empty()) return;
  team.dynamic(static_cast<int>(w.merge_tasks.size()), [&](int i) {
    const Workspace::AttentionTask& task = w.merge_tasks[static_cast<std::size_t>(i)];
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    merge_spans(w.partials.data() + task.partial, task.span, s.n_heads, pages_of(segment),
                task.kv_head, w.attention.data() + first_row(task));
  });
}

}  // namespace paretune
