#include "search/forest.h"

#include <algorithm>
#include <cassert>

namespace paretune {
namespace {

constexpr int kTrees = 32;
constexpr double kFeatures = 5.0 / 6;   // share of the dimensions that a node may split
constexpr std::size_t kSplittable = 3;  // rows that a node needs to split

struct Sums {
  double n = 0, sum = 0, squares = 0;
  void add(double value) { n += 1, sum += value, squares += value * value; }
  void add(const Sums& s) { n += s.n, sum += s.sum, squares += s.squares; }
  Sums minus(const Sums& s) const { return {n - s.n, sum - s.sum, squares - s.squares}; }
  double variance_times_n() const { return n > 0 ? std::max(squares - sum * sum / n, 0.0) : 0; }
};

}  // namespace

struct Forest::Data {
  std::span<const Point> points;
  std::span<const double> values;
};

struct Forest::Split {
  int dimension = -1, choice = 0;
  double error = 0;  // squared, left over
};

Forest::Forest(const Space& space, std::span<const Point> points, std::span<const double> values,
               Rng rng)
    : n_choices_(space.n_choices) {
  assert(!points.empty() && points.size() == values.size());
  for (std::size_t d = 0; d < n_choices_.size(); ++d) ordinal_.push_back(is_ordinal(space, d));
  const Data data{points, values};
  std::vector<int> rows(points.size());
  std::vector<Sums> unseen(points.size());
  for (int tree = 0; tree < kTrees; ++tree) {
    std::vector<bool> shown(points.size());
    for (int& row : rows) {
      row = rng.below(int(points.size()));  // a bootstrap sample
      shown[std::size_t(row)] = true;
    }
    roots_.push_back(grow(data, rows, rng));
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!shown[i]) unseen[i].add(leaf_of(roots_.back(), points[i]).mean);
    }
  }
  for (const Sums& sums : unseen) out_of_bag_.push_back(sums.sum / sums.n);
}

int Forest::grow(const Data& data, std::span<int> rows, Rng& rng) {
  Sums sums;
  for (int row : rows) sums.add(data.values[row]);
  const int index = int(nodes_.size());
  nodes_.push_back({.leaf = {sums.sum / sums.n, sums.variance_times_n() / sums.n}});
  if (rows.size() < kSplittable || sums.variance_times_n() <= 0) return index;
  const Split split = best_split(data, rows, rng);
  if (split.dimension < 0) return index;
  nodes_[index].dimension = split.dimension;
  nodes_[index].first = ordinal_[std::size_t(split.dimension)] ? 0 : split.choice;
  nodes_[index].last = split.choice;
  const auto right = std::ranges::partition(
      rows, [&](int row) { return goes_left(nodes_[index], data.points[row]); });
  const auto n_left = rows.size() - right.size();
  const int left_child = grow(data, rows.first(n_left), rng);
  const int right_child = grow(data, rows.subspan(n_left), rng);
  nodes_[index].children[1] = left_child;
  nodes_[index].children[0] = right_child;
  return index;
}

Forest::Split Forest::best_split(const Data& data, std::span<const int> rows, Rng& rng) const {
  Split best;
  std::vector<Sums> per_choice;
  for (std::size_t d = 0; d < n_choices_.size(); ++d) {
    if (rng.uniform() >= kFeatures) continue;
    per_choice.assign(std::size_t(n_choices_[d]), {});
    Sums all, left;
    for (int row : rows) per_choice[std::size_t(data.points[row][d])].add(data.values[row]);
    for (const Sums& sums : per_choice) all.add(sums);
    int last_cut = -1;  // of equal cuts between two present choices, which one is chance
    for (int choice = 0; choice < n_choices_[d]; ++choice) {
      const Sums& here = per_choice[std::size_t(choice)];
      if (here.n == 0) continue;
      if (ordinal_[d] && last_cut >= 0 && best.dimension == int(d) && best.choice == last_cut) {
        best.choice += rng.below(choice - last_cut);
      }
      if (ordinal_[d]) {
        left.add(here);
      } else {
        left = here;
      }
      const Sums right = all.minus(left);
      if (right.n < 0.5) continue;
      last_cut = choice;
      const double error = left.variance_times_n() + right.variance_times_n();
      if (best.dimension < 0 || error < best.error) best = {int(d), choice, error};
    }
  }
  return best;
}

bool Forest::goes_left(const Node& node, const Point& point) {
  const int choice = point[std::size_t(node.dimension)];
  return (choice >= node.first) & (choice <= node.last);
}

const Moments& Forest::leaf_of(int root, const Point& point) const {
  const Node* node = &nodes_[root];
  while (node->dimension >= 0) node = &nodes_[node->children[goes_left(*node, point)]];
  return node->leaf;
}

Moments Forest::predict(const Point& point) const {
  Sums means;
  double within = 0;
  for (int root : roots_) {
    const Moments& leaf = leaf_of(root, point);
    means.add(leaf.mean);
    within += leaf.variance;
  }
  return {means.sum / means.n, (means.variance_times_n() + within) / means.n};
}

}  // namespace paretune
