#include "runtime/engine/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <mutex>

#include "kernels/elementwise.h"

namespace paretune {
namespace {

constexpr int kPanel = 16;  // columns of a weight panel (kernels/weight_format.h)
constexpr int kAttentionTile =
    16;  // query tokens of one attention task: a few hundred for two threads to share

std::vector<float> read_vector(const ModelSource& source, Weight weight, int layer) {
  std::vector<float> values(static_cast<std::size_t>(source.weight_shape(weight)[1]));
  source.read_rows(weight, layer, 0, 1, values);
  return values;
}

int panels(const PackedMatrix& matrix) { return (matrix.n + kPanel - 1) / kPanel; }

std::size_t at(int row, int width) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(width);
}

std::span<float> row(std::vector<float>& values, int index, int width) {
  return {values.data() + at(index, width), static_cast<std::size_t>(width)};
}

void grow(std::vector<float>& values, int rows, int width) {
  if (values.size() < at(rows, width)) values.resize(at(rows, width));
}

}  // namespace

Model::Matrix Model::pack(std::span<const Part> parts, const WeightFormat& format,
                          ThreadPool& pool) {
  Matrix matrix;
  const int k = source_.weight_shape(parts[0].weight)[1];
  int n = 0;
  for (const Part& part : parts) n += source_.weight_shape(part.weight)[0];
  matrix.memory = AlignedBuffer(format.packed_bytes(n, k));
  matrix.packed = {&format, n, k, matrix.memory.bytes()};
  weight_bytes_ += matrix.memory.size();

  std::exception_ptr error;
  std::mutex error_mutex;
  pool.run(pool.size(), [&](Team& team) {
    const Team::Range mine = team.share(n, kPanel);
    try {
      // A few panels at a time: the f32 copy stays in cache whatever the matrix.
      const int step = std::max(kPanel, (1 << 18) / std::max(k, 1) / kPanel * kPanel);
      std::vector<float> rows(at(std::min(step, mine.end - mine.begin), k));
      for (int begin = mine.begin; begin < mine.end; begin += step) {
        const int end = std::min(begin + step, mine.end);
        int first = 0;  // row of the packed matrix where the part begins
        for (const Part& part : parts) {
          const int part_rows = source_.weight_shape(part.weight)[0];
          const int from = std::max(begin, first), to = std::min(end, first + part_rows);
          if (from < to) {
            source_.read_rows(part.weight, part.layer, from - first, to - first,
                              {rows.data() + at(from - begin, k), at(to - from, k)});
          }
          first += part_rows;
        }
        format.pack({rows.data(), at(end - begin, k)}, n, k, begin, end, matrix.memory.bytes());
      }
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      error = std::current_exception();
    }
  });
  if (error) std::rethrow_exception(error);

  const Activations activations = effective_activations(config_, format);
  matrix.variant[static_cast<int>(Phase::prefill)] =
      &resolve_matmul(config_.prefill_kernel.name, format, activations);
  matrix.variant[static_cast<int>(Phase::decode)] =
      &resolve_matmul(config_.decode_kernel.name, format, activations);
  return matrix;
}

Model::Model(const ModelSource& source, const DeployConfig& config, ThreadPool& pool)
    : source_(source),
      config_(config),
      attention_(&resolve_attention(config.attention_kernel.name, *config.kv_cache)) {
  const ModelShape& s = shape();
  for (int i = 0; i < s.n_layers; ++i) {
    Layer& layer = layers_.emplace_back();
    layer.qkv =
        pack(std::array{Part{Weight::attn_q, i}, Part{Weight::attn_k, i}, Part{Weight::attn_v, i}},
             *config.attention_weights, pool);
    layer.attention_output =
        pack(std::array{Part{Weight::attn_output, i}}, *config.attention_weights, pool);
    layer.gate = pack(std::array{Part{Weight::ffn_gate, i}}, *config.mlp_weights, pool);
    layer.up = pack(std::array{Part{Weight::ffn_up, i}}, *config.mlp_weights, pool);
    layer.down = pack(std::array{Part{Weight::ffn_down, i}}, *config.mlp_weights, pool);
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
  output_ = pack(std::array{Part{Weight::output, 0}}, *config.output_weights, pool);
}

std::span<const float> Model::forward(std::span<const Segment> segments, Phase phase,
                                      ThreadPool& pool, Workspace& w) const {
  const ModelShape& s = shape();
  const int qkv_width = (s.n_heads + 2 * s.n_kv_heads) * s.head_dim;
  const int threads = phase == Phase::prefill ? config_.prefill_threads : config_.decode_threads;

  w.row_segment.clear();
  w.row_position.clear();
  w.logit_rows.clear();
  w.attention_tasks.clear();
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
    for (int head = 0; head < s.n_kv_heads; ++head) {
      for (int begin = 0; begin < n; begin += kAttentionTile) {
        w.attention_tasks.push_back({i, head, begin, std::min(begin + kAttentionTile, n)});
      }
    }
    context = std::max(context, segment.past + n);
  }
  const int rows = static_cast<int>(w.row_segment.size());
  const int wanted = static_cast<int>(w.logit_rows.size());

  grow(w.x, rows, s.d_model);
  grow(w.y, rows, s.d_model);
  grow(w.qkv, rows, qkv_width);
  grow(w.query, rows, s.n_heads * s.head_dim);
  grow(w.attention, rows, s.n_heads * s.head_dim);
  grow(w.gate, rows, s.d_ff);
  grow(w.up, rows, s.d_ff);
  grow(w.cosines, rows, s.head_dim / 2);
  grow(w.sines, rows, s.head_dim / 2);
  grow(w.selected, wanted, s.d_model);
  grow(w.logits, wanted, s.vocab_size);
  std::size_t prepared = 0;
  const auto need = [&](const Matrix& matrix, int m) {
    prepared = std::max(
        prepared, matrix.variant[static_cast<int>(phase)]->prepared_bytes(m, matrix.packed.k));
  };
  const Layer& first = layers_.front();
  for (const Matrix* matrix :
       {&first.qkv, &first.attention_output, &first.gate, &first.up, &first.down}) {
    need(*matrix, rows);
  }
  need(output_, wanted);
  if (w.prepared.size() < prepared) w.prepared = AlignedBuffer(prepared);
  w.scratch.resize(
      static_cast<std::size_t>(std::max<int>(pool.size(), static_cast<int>(w.scratch.size()))));
  const std::size_t scratch =
      attention_->scratch_floats(context, s.n_heads, s.n_kv_heads, s.head_dim);
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
      source_.read_rows(Weight::token_embedding, 0, token, token + 1, row(w.x, r, s.d_model));
      for (int i = 0; i < s.head_dim / 2; ++i) {
        const double angle =
            static_cast<double>(position) * s.rope_inverse_frequencies[static_cast<std::size_t>(i)];
        w.cosines[at(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::cos(angle));
        w.sines[at(r, s.head_dim / 2) + static_cast<std::size_t>(i)] =
            static_cast<float>(std::sin(angle));
      }
    }
    for (int layer = 0; layer < s.n_layers; ++layer) run_layer(layer, phase, segments, w, team);

    if (wanted == 0) return;
    const MatmulVariant& matmul = *output_.variant[static_cast<int>(phase)];
    const Team::Range chosen = team.share(wanted);
    for (int r = chosen.begin; r < chosen.end; ++r) {
      rms_norm(row(w.x, w.logit_rows[static_cast<std::size_t>(r)], s.d_model), output_norm_,
               s.rms_epsilon, row(w.selected, r, s.d_model));
    }
    matmul.prepare(w.selected.data(), wanted, s.d_model, chosen.begin, chosen.end,
                   w.prepared.data());
    team.barrier();
    const Team::Range columns = team.share(panels(output_.packed));
    matmul.run(w.prepared.data(), wanted, output_.packed, columns.begin, columns.end,
               w.logits.data(), static_cast<std::size_t>(s.vocab_size));
  });
  return {w.logits.data(), at(wanted, s.vocab_size)};
}

void Model::run_layer(int index, Phase phase, std::span<const Segment> segments, Workspace& w,
                      Team& team) const {
  const ModelShape& s = shape();
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const int rows = static_cast<int>(w.row_segment.size());
  const int p = static_cast<int>(phase);
  const int qkv_width = layer.qkv.packed.n;
  const Team::Range mine = team.share(rows);

  const auto norm_and_prepare = [&](const std::vector<float>& weight, const MatmulVariant& matmul) {
    for (int r = mine.begin; r < mine.end; ++r) {
      rms_norm(row(w.x, r, s.d_model), weight, s.rms_epsilon, row(w.y, r, s.d_model));
    }
    matmul.prepare(w.y.data(), rows, s.d_model, mine.begin, mine.end, w.prepared.data());
    team.barrier();
  };
  // x += input · matrixᵀ, where `prepared` holds the input. Each thread adds the columns that it
  // computed.
  const auto project_and_add = [&](const Matrix& matrix) {
    const Team::Range columns = team.share(panels(matrix.packed));
    matrix.variant[p]->run(w.prepared.data(), rows, matrix.packed, columns.begin, columns.end,
                           w.y.data(), static_cast<std::size_t>(s.d_model));
    const int from = columns.begin * kPanel, to = std::min(columns.end * kPanel, s.d_model);
    for (int r = 0; r < rows && from < to; ++r) {
      add(row(w.x, r, s.d_model)
              .subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)),
          row(w.y, r, s.d_model)
              .subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from)));
    }
    team.barrier();
  };

  norm_and_prepare(layer.attention_norm, *layer.qkv.variant[p]);
  const Team::Range columns = team.share(panels(layer.qkv.packed));
  layer.qkv.variant[p]->run(w.prepared.data(), rows, layer.qkv.packed, columns.begin, columns.end,
                            w.qkv.data(), static_cast<std::size_t>(qkv_width));
  team.barrier();
  attend(index, segments, w, team);
  layer.attention_output.variant[p]->prepare(w.attention.data(), rows, s.n_heads * s.head_dim,
                                             mine.begin, mine.end, w.prepared.data());
  team.barrier();
  project_and_add(layer.attention_output);

  norm_and_prepare(layer.mlp_norm, *layer.gate.variant[p]);
  const Team::Range hidden = team.share(panels(layer.gate.packed));
  for (const auto& [matrix, out] : {std::pair{&layer.gate, &w.gate}, std::pair{&layer.up, &w.up}}) {
    matrix->variant[p]->run(w.prepared.data(), rows, matrix->packed, hidden.begin, hidden.end,
                            out->data(), static_cast<std::size_t>(s.d_ff));
  }
  const int from = hidden.begin * kPanel, to = std::min(hidden.end * kPanel, s.d_ff);
  for (int r = 0; r < rows && from < to; ++r) {
    const auto part = [&](std::vector<float>& values) {
      return row(values, r, s.d_ff)
          .subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
    };
    silu_mul(part(w.gate), part(w.up), part(w.gate));
  }
  team.barrier();
  layer.down.variant[p]->prepare(w.gate.data(), rows, s.d_ff, mine.begin, mine.end,
                                 w.prepared.data());
  team.barrier();
  project_and_add(layer.down);
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
    const std::span<float> qkv = row(w.qkv, r, width);
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
    const std::span<const float> cosines = row(w.cosines, r, s.head_dim / 2),
                                 sines = row(w.sines, r, s.head_dim / 2);
    rope(query, s.head_dim, cosines, sines);
    rope(key, s.head_dim, cosines, sines);
    std::ranges::copy(
        query, row(w.query, r, static_cast<int>(queries)).begin());  // rows as attention wants them
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
  team.dynamic(static_cast<int>(w.attention_tasks.size()), [&](int i) {
    const Workspace::AttentionTask& task = w.attention_tasks[static_cast<std::size_t>(i)];
    const Segment& segment = segments[static_cast<std::size_t>(task.segment)];
    const std::size_t first =
        at(w.segment_row[static_cast<std::size_t>(task.segment)], static_cast<int>(queries));
    attention_->run(w.query.data() + first, s.n_heads, pages_of(segment), segment.past,
                    task.kv_head, task.begin, task.end, scale,
                    w.scratch[static_cast<std::size_t>(team.rank())], w.attention.data() + first);
  });
}

}  // namespace paretune
