#include "drtengine/element_curve.hpp"

#include "drtengine/elementary.hpp"
#include "drtengine/quadrature.hpp"
#include "drtengine/vec.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace drtengine {
namespace {

constexpr double kPi = std::numbers::pi;
constexpr double kFar = 350;  // of ln x: beyond it less than 1e-22 of R is left for b >= 0.15, and x^2 is a number

// gamma/R per unit of ln x for x = (tau/tau_0)^a, a < 1: (1/pi) Im of (x/(x + e^{i pi a}))^b.
DRTENGINE_INLINE double density_of_log_x(double log_x, double cosine, double sine, double b) {
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

struct Node {
  double place, weight;
};

struct Exponents {
  double a, b;
};

// What a node of the quadrature below adds to each share: plain pointers, for vectors.
void add_node(const double* start, const double* width, Index n, Node node, Exponents exponents, double* share) {
  const double cosine = std::cos(kPi * exponents.a), sine = std::sin(kPi * exponents.a);
  const double half_gap = 0.5 * kPi * (1 - exponents.a), half_weight = 0.5 * node.weight;
  DRTENGINE_INDEPENDENT
  for (Index i = 0; i < n; ++i) {
    const double grown = elementary::exp(start[i] + width[i] * node.place), shrunk = 1 / grown;  // e^t, e^-t
    share[i] +=
        half_weight * (grown + shrunk) * density_of_log_x(half_gap * (grown - shrunk), cosine, sine, exponents.b);
  }
}

// The density has its singularities at ln x = +-i pi(1-a), which crowd the real axis as a nears
// one. In t, ln x = pi(1-a) sinh t, they stand at +-i pi/2 for every a, and panels of unit length do.
Vector havriliak_negami_share(const Vector& log_x_low, const Vector& log_x_high, double a, double b) {
  static const Rule unit = [] {
    Rule rule;
    add_panel(rule, 0, 1);
    return rule;
  }();
  const Index n = log_x_low.size();
  const double gap = kPi * (1 - a);
  const Vector start = log_x_low.unaryExpr([&](double x) { return std::asinh(x / gap); });
  Vector width = log_x_high.unaryExpr([&](double x) { return std::asinh(x / gap); }) - start;
  const int panels = std::max(1, static_cast<int>(std::ceil(width.maxCoeff())));
  width /= panels;
  Vector share = Vector::Zero(n);
  for (int panel = 0; panel < panels; ++panel) {
    for (std::size_t i = 0; i < unit.nodes.size(); ++i) {
      add_node(start.data(), width.data(), n, {panel + unit.nodes[i], unit.weights[i]}, {a, b}, share.data());
    }
  }
  return (gap / a) * share.cwiseProduct(width);
}

Vector log_x_of(const Vector& u, double a) { return (a * u).cwiseMax(-kFar).cwiseMin(kFar); }

}  // namespace

Vector element_density(const Vector& u, double a, double b) {
  const double cosine = std::cos(kPi * a), sine = std::sin(kPi * a);
  if (a < 1) {
    return log_x_of(u, a).unaryExpr([&](double log_x) { return density_of_log_x(log_x, cosine, sine, b); });
  }
  if (b == 1) return Vector::Zero(u.size());  // a line has no density
  return u.unaryExpr([&](double at) {
    if (at >= 0) return at > 0 ? 0 : std::numeric_limits<double>::infinity();
    return std::sin(kPi * b) / kPi * std::exp(b * (at - std::log(-std::expm1(at))));
  });
}

Vector element_share(const Vector& u_low, const Vector& u_high, double a, double b) {
  if (a < 1) {
    const Vector low = log_x_of(u_low, a), high = log_x_of(u_high, a);
    return b == 1 ? low.binaryExpr(high, [&](double l, double h) { return zarc_share(l, h, a); })
                  : havriliak_negami_share(low, high, a, b);
  }
  return u_low.binaryExpr(u_high, [&](double low, double high) {
    if (b == 1) return low <= 0 && 0 < high ? 1.0 : 0.0;
    return cole_davidson_share(low, high, b);
  });
}

}  // namespace drtengine
