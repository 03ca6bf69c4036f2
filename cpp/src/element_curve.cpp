#include "drtengine/element_curve.hpp"

#include "drtengine/elementary.hpp"
#include "drtengine/quadrature.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace drtengine {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kFar = 650;  // ln x beyond which less than 1e-42 of R is left for b > 0.15

// gamma/R per unit of ln x for x = (tau/tau_0)^a, a < 1: (1/pi) Im of (x/(x + e^{i pi a}))^b.
double density_of_log_x(double log_x, double cosine, double sine, double b) {
  const double x = elementary::exp(log_x), re = x + cosine;
  const double log_modulus = 0.5 * elementary::log(re * re + sine * sine);
  const double theta = elementary::angle(sine, re);
  return elementary::exp(b * (log_x - log_modulus)) * elementary::sine_cosine(b * theta).sine / kPi;
}

// Cole-Davidson: the regularised incomplete beta function I_x(p, 1-p) for x <= 1/2, by its
// hypergeometric series.
double beta_share(double x, double one_minus_x, double p) {
  double sum = 1, term = 1;
  for (int n = 1; term > 1e-17 * sum; ++n) {
    term *= n * x / (p + n);
    sum += term;
  }
  return std::sin(kPi * p) / (kPi * p) * std::pow(x, p) * std::pow(one_minus_x, 1 - p) * sum;
}

// (share below, share above) of u <= 0 for a = 1
std::array<double, 2> cole_davidson_shares(double u, double b) {
  const double x = std::exp(u), rest = -std::expm1(u);
  if (x <= rest) {
    const double below = beta_share(x, rest, b);
    return {below, 1 - below};
  }
  const double above = rest > 0 ? beta_share(rest, x, 1 - b) : 0;
  return {1 - above, above};
}

double cole_davidson_share(double u_low, double u_high, double b) {
  const auto low = cole_davidson_shares(std::min(u_low, 0.0), b), high = cole_davidson_shares(std::min(u_high, 0.0), b);
  return high[0] < low[1] ? high[0] - low[0] : low[1] - high[1];  // of the smaller numbers
}

double zarc_share(double log_x_low, double log_x_high, double a) {
  const double cosine = std::cos(kPi * a), sine = std::sin(kPi * a);
  const auto theta = [&](double log_x) { return std::atan2(sine, std::exp(log_x) + cosine); };
  return (theta(log_x_low) - theta(log_x_high)) / (kPi * a);
}

// The density has its singularities at ln x = +-i pi(1-a), which crowd the real axis as a nears
// one. In t, ln x = pi(1-a) sinh t, they stand at +-i pi/2 for every a.
double havriliak_negami_share(double log_x_low, double log_x_high, double a, double b) {
  static const Rule unit = [] {
    Rule rule;
    add_panel(rule, 0, 1);
    return rule;
  }();
  constexpr std::size_t kNodes = 16;
  const double cosine = std::cos(kPi * a), sine = std::sin(kPi * a), gap = kPi * (1 - a);
  const double start = std::asinh(log_x_low / gap), length = std::asinh(log_x_high / gap) - start;
  const int panels = std::max(1, static_cast<int>(std::ceil(length)));
  const double width = length / panels;
  double share = 0;
  for (int panel = 0; panel < panels; ++panel) {
    std::array<double, kNodes> value;
    for (std::size_t i = 0; i < kNodes; ++i) {
      const double grown = elementary::exp(start + width * (panel + unit.nodes[i]));  // e^t
      const double log_x = gap * 0.5 * (grown - 1 / grown);
      value[i] = unit.weights[i] * 0.5 * (grown + 1 / grown) * density_of_log_x(log_x, cosine, sine, b);
    }
    for (const double v : value) share += v;
  }
  return share * width * gap / a;
}

}  // namespace

double element_density(double u, double a, double b) {
  if (a < 1) {
    return density_of_log_x(std::clamp(a * u, -kFar, kFar), std::cos(kPi * a), std::sin(kPi * a), b);
  }
  if (b == 1) return 0;  // its line has no density
  if (u > 0) return 0;
  return u == 0 ? std::numeric_limits<double>::infinity()
                : std::sin(kPi * b) / kPi * std::exp(b * (u - std::log(-std::expm1(u))));
}

double element_share(double u_low, double u_high, double a, double b) {
  if (a == 1 && b == 1) return u_low <= 0 && 0 < u_high ? 1 : 0;
  if (a == 1) return cole_davidson_share(u_low, u_high, b);
  const double low = std::clamp(a * u_low, -kFar, kFar), high = std::clamp(a * u_high, -kFar, kFar);
  return b == 1 ? zarc_share(low, high, a) : havriliak_negami_share(low, high, a, b);
}

}  // namespace drtengine
