// The transformer: packed weights and one forward pass over a batch of sequence segments.
//
// Layer (Llama, arXiv:2302.13971; qwen2 adds biases, qwen3 norms of query and key heads):
//   h = x + Wo · attention(rope(Wq·n), rope(Wk·n), Wv·n)   with n = rms_norm(x)
//   x = h + Wdown · (silu(Wgate·m) * (Wup·m))              with m = rms_norm(h)
// Threads share a step in one of two ways. By columns, they meet after every operator and pass
// each other what they computed. By rows (DeployConfig::shard_rows_from), each takes some tokens
// through all layers: every thread reads all weights, and they meet once a layer at most, where
// tokens of one sequence lie in several shards.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/matmul.h"
#include "runtime/compression/calibration.h"
#include "runtime/deploy_config.h"
#include "runtime/engine/aligned_buffer.h"
#include "runtime/engine/expert_routing.h"
#include "runtime/engine/kernel_table.h"
#include "runtime/engine/matmul_plan.h"
#include "runtime/engine/pack_cache.h"
#include "runtime/engine/recent_tokens.h"
#include "runtime/engine/segment.h"
#include "runtime/engine/thread_pool.h"
#include "runtime/engine/weight_packer.h"
#include "runtime/model/model_source.h"

namespace paretune {

// Buffers of a forward pass, kept by the caller from step to step. They grow to the largest step
// seen.
struct Workspace {
  std::vector<float> x, qkv, query, attention, hidden, y;  // (rows, …)
  std::vector<float> cosines, sines;                       // (rows, head_dim / 2)
  std::vector<float> selected, logits;  // (rows that want logits, d_model | vocab_size)
  std::vector<float> router_logits;     // (rows, n_experts)
  std::vector<float> gathered;          // (rows * n_experts_used, d_model) by expert
  ExpertRouting routing;
  InputObserver* observer = nullptr;        // of every matrix's input; there are then no logits
  std::vector<std::vector<float>> scratch;  // per thread
  // Of each shard: rows as products want them, and of compensations as Bᵀ and A want them, and
  // (rows, rank) Bᵀ x.
  AlignedBuffer prepared, low_rank_input, low_rank_prepared, low_rank;
  std::vector<int> row_segment, row_position, logit_rows;
  struct AttentionTask {
    int segment, kv_head, begin, end;
    int span = -1;            // or one span of the only token's keys,
    std::size_t partial = 0;  // and where its part goes
  };
  std::vector<AttentionTask> attention_tasks;
  // Where tokens are shared: the (segment, KV head) to merge, by the first of their parts.
  std::vector<AttentionTask> merge_tasks;
  std::vector<float> partials;
  RecentTokens recent;
  std::vector<int> segment_row;  // first row of each segment
  std::vector<int> shard_ends;   // the row after each shard's last
  bool segments_cut = false;     // tokens of one lie in several shards
};

class Model {
 public:
  // Reads and packs all weights as config says, on the pool's threads. source must outlive the
  // model: token embeddings are read from it. kernels: what the kernel "tuned" means. packs: where
  // packed weights are found and kept, if anywhere. Throws std::bad_alloc where memory does not
  // suffice.
  Model(const ModelSource& source, const DeployConfig& config, ThreadPool& pool,
        const KernelTable& kernels = {}, PackStore* packs = nullptr,
        const Calibration* calibration = nullptr);

  // Query tokens of one attention task: a few hundred make enough tasks for two threads to share,
  // and what is laid out anew for each task serves many rows.
  static constexpr int kAttentionTile = 32;

  // Every matrix product of a forward pass: whose weights, and its shape. What the kernel tuner
  // goes through.
  struct Product {
    LayerKind kind;
    int n, k;
    bool every_row;  // or only rows that want logits
  };
  static std::vector<Product> products(const ModelShape& shape);

  const ModelSource& source() const { return source_; }
  const ModelShape& shape() const { return source_.shape(); }
  std::size_t weight_bytes() const { return weight_bytes_; }

  // One pass. Afterwards the cache holds the segments' keys and values, and the result holds one
  // row of vocab_size logits for each token that wanted them, in order (it lives in
  // workspace.logits).
  std::span<const float> forward(std::span<const Segment> segments, Phase phase, ThreadPool& pool,
                                 Workspace& workspace) const;

 private:
  struct Matrix {
    PackedMatrix packed;
    PackedWeights weights;           // that packed looks at
    std::vector<Matrix> low_rank;    // Bᵀ and A of its compensation, or nothing
    std::vector<MatmulPlans> plans;  // by Phase
    float reach = 0;                 // of the inputs, where their scale is static; 0: it is not

    const MatmulPlan& plan(Phase phase, int m) const {
      return plans[static_cast<std::size_t>(phase)].at(m);
    }
  };
  struct Layer {
    // gate_up: panels of gate and of up in turns of kPairPanels, so that one task computes both and
    // multiplies them while they are in cache
    Matrix qkv, attention_output;
    std::vector<Matrix> gate_up, down;  // by expert; without experts there is one of each
    Matrix router;                      // where there are experts
    std::vector<float> attention_norm, mlp_norm, qkv_bias, q_norm, k_norm;
  };
  Matrix planned(PackedWeights weights, const KernelTable& kernels) const;
  MatmulPlans plans_for(Phase phase, const PackedMatrix& matrix, const KernelTable& kernels) const;
  // Rows of a step and the threads that take them through the layers: all of both, or a part of the
  // rows and one thread.
  struct Shard {
    int begin, rows;
    Team& team;
    Team& all;  // of the step
    std::byte *prepared, *low_rank_input, *low_rank_prepared;
    float* low_rank;
    std::span<float> scratch;  // this thread's

    bool whole() const { return &team == &all; }
    // Rows of the step that are this thread's own where rows are worked on one by one.
    Team::Range mine() const {
      const Team::Range share = team.share(rows);
      return {begin + share.begin, begin + share.end};
    }
  };
  // x · wᵀ of prepared rows, the compensation added, each block given to finish. Complete after the
  // next barrier.
  template <class Finish>
  void multiply(const Matrix& matrix, Phase phase, int grain, const Shard& shard,
                Finish&& finish) const;
  // This thread's share of what multiply needs of the inputs x (rows of the step, k); ends with a
  // barrier.
  void prepare(const Matrix& matrix, Phase phase, const float* x, const Shard& shard) const;
  void embed(int token, std::span<float> out) const;
  void run_layer(int index, Phase phase, std::span<const Segment> segments, Workspace& w,
                 const Shard& shard) const;
  void run_experts(int index, Phase phase, Workspace& w, Team& team) const;
  std::size_t expert_prepared_bytes(const Matrix& matrix, Phase phase, int assignments) const;
  KvPages cache_layout() const;  // all but where it lies
  void plan_attention(std::span<const Segment> segments, int threads, Workspace& w) const;
  void attend(int index, std::span<const Segment> segments, Workspace& w, const Shard& shard) const;

  const ModelSource& source_;
  DeployConfig config_;
  const AttentionVariant* attention_;
  std::vector<Layer> layers_;
  std::vector<std::size_t> distinct_layers_;  // one of each that is treated alike
  std::vector<float> output_norm_;
  Matrix output_;
  std::optional<PackedWeights> embeddings_;  // where they are not read from the file
  std::size_t weight_bytes_ = 0;
};

}  // namespace paretune
