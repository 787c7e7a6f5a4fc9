#include "workloads/random.h"

#include <cassert>
#include <cmath>
#include <initializer_list>

namespace paretune {

namespace {

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// c[0] + c[1] x + c[2] x^2 + …
double polynomial(std::initializer_list<double> c, double x) {
  double sum = 0;
  for (auto it = c.end(); it != c.begin();) sum = sum * x + *--it;
  return sum;
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t stream) {
  return mix(mix(seed + 0x9e3779b97f4a7c15) + (stream + 1) * 0x9e3779b97f4a7c15);
}

double normal_quantile(double p) {
  assert(p > 0 && p < 1);
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return q *
           polynomial({3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
                       1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
                       3.3430575583588128105e+4, 2.5090809287301226727e+3},
                      r) /
           polynomial({1.0, 4.2313330701600911252e+1, 6.8718700749205790830e+2,
                       5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
                       2.8729085735721942674e+4, 5.2264952788528545610e+3},
                      r);
  }
  double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  double z;
  if (r <= 5) {
    r -= 1.6;
    z = polynomial({1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
                    3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
                    2.27238449892691845833e-2, 7.74545014278341407640e-4},
                   r) /
        polynomial({1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
                    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
                    5.47593808499534494600e-4, 1.05075007164441684324e-9},
                   r);
  } else {
    r -= 5;
    z = polynomial({6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0,
                    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                    2.71155556874348757815e-5, 2.01033439929228813265e-7},
                   r) /
        polynomial({1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
                    1.42151175831644588870e-7, 2.04426310338993978564e-15},
                   r);
  }
  return q < 0 ? -z : z;
}

double gamma_draw(double shape, RandomEngine& rng) {
  assert(shape > 0);
  // In (0, 1): zero has no logarithm.
  const auto open_uniform = [&] { return std::max(uniform01(rng), 0x1p-54); };
  if (shape < 1) {
    const double u = open_uniform();
    return gamma_draw(shape + 1, rng) * std::pow(u, 1 / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal_quantile(open_uniform());
    const double v = 1 + c * x;
    if (v <= 0) continue;
    const double v3 = v * v * v;
    if (std::log(open_uniform()) < 0.5 * x * x + d - d * v3 + d * std::log(v3)) return d * v3;
  }
}

}  // namespace paretune
