// Which experts of a mixture-of-experts layer each token goes to, and the rows of every expert
// gathered, so that one product serves all tokens that chose it.
// Source: Mixtral (arXiv:2401.04088, section 2.1); Qwen3-MoE routes alike.
#pragma once

#include <span>
#include <vector>

namespace paretune {

// The `experts.size()` largest of the router's logits, the first one first where they are equal,
// with their softmax: over those alone if renormalized, or else over all.
void choose_experts(std::span<const float> logits, bool renormalized, std::span<int> experts,
                    std::span<float> weights);

// The (row, choice) pairs of a step in the order of their experts. Entry e of a vector over pairs
// is called assignment e.
struct ExpertRouting {
  int used = 0;                // choices of each row
  std::vector<int> experts;    // (rows, used)
  std::vector<float> weights;  // (rows, used)
  std::vector<int> begins;  // (n_experts + 1) expert i has assignments [begins[i], begins[i + 1])
  std::vector<int> assigned_row;  // (rows * used) whose row an assignment is
  std::vector<int> assignment;    // (rows, used) where a row's choice went

  void resize(int rows, int n_experts, int n_used);
  // From experts; those of one expert stay in the order of their rows.
  void group();
};

}  // namespace paretune
