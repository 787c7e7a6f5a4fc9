// One objective foretold by several models: a Gaussian process and a random forest, each without
// and with a prior, weighed by how well they foretell the trials that they were not shown. So a
// smooth score is left to the process, a rough one to the forest, and a prior is believed as far as
// the trials bear it out.
//
// A model with a prior m learns what is left over of slope * m, and sees m as one more ordinal
// dimension.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "search/forest.h"
#include "search/gaussian_process.h"

namespace paretune {

// Predicted values of points; NaN: unknown there; empty: there is no prior.
using Priors = std::vector<double>;

class Blend {
 public:
  struct Member {
    std::string_view name;  // "process", "forest", "process+prior", "forest+prior"
    double error;           // mean squared, on values left out
    double weight;          // of all members they sum to 1
  };

  // points: not empty, each with its value and its prior. Values range over about 1, and so do
  // priors. exact: the values carry no noise.
  Blend(const Space& space, std::span<const Point> points, std::span<const double> values,
        const Priors& priors, bool exact, Rng rng);

  std::vector<Moments> predict(std::span<const Point> points, const Priors& priors) const;

  // Of what is uncertain at n points: (n, n), row-major. Those of the process that weighs more.
  std::vector<double> correlations(std::span<const Point> points, const Priors& priors) const;

  // The values as the models see them, less what they take for noise.
  const std::vector<double>& denoised() const { return denoised_; }

  const std::vector<Member>& members() const { return members_; }

 private:
  Point with_level(const Point& point, double prior) const;
  std::vector<Point> with_levels(std::span<const Point> points, const Priors& priors) const;
  double from_prior(double prior) const;

  void add(std::string_view name, const std::vector<double>& values,
           const std::vector<double>& left_out);
  void weigh();

  Space space_, space_with_prior_;
  double slope_ = 0, mean_prior_ = 0;
  std::optional<GaussianProcess> process_, process_with_prior_;
  std::optional<Forest> forest_, forest_with_prior_;
  std::vector<Member> members_;
  std::vector<double> denoised_;
};

}  // namespace paretune
