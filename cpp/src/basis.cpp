#include "drtengine/basis.hpp"

#include "drtengine/errors.hpp"

#include <cmath>
#include <numbers>
#include <utility>

namespace drtengine {
namespace {

// Polynomial p with phi(u) = p(|u|) exp(-|u|), lowest power first.
struct Matern {
  int degree;
  double coefficient[4];
};

Matern matern(Shape shape) {
  switch (shape) {
    case Shape::kC0:
      return {0, {1, 0, 0, 0}};
    case Shape::kC2:
      return {1, {1, 1, 0, 0}};
    case Shape::kC4:
      return {2, {1, 1, 1. / 3, 0}};
    case Shape::kC6:
      return {3, {1, 1, 6. / 15, 1. / 15}};
    default:
      throw InvalidInput("not a Matern function");
  }
}

double evaluate(const Matern& p, double u) {
  double value = 0;
  for (int k = p.degree; k >= 0; --k) value = value * u + p.coefficient[k];
  return value;
}

// (p exp(-u))' = (p' - p) exp(-u).
Matern differentiate(const Matern& p) {
  Matern d{p.degree, {}};
  for (int k = 0; k <= p.degree; ++k) {
    d.coefficient[k] = (k < p.degree ? (k + 1) * p.coefficient[k + 1] : 0) - p.coefficient[k];
  }
  return d;
}

// q with (q exp(-u))' = p exp(-u): q_k = (k + 1) q_{k+1} - p_k.
Matern integrate(const Matern& p) {
  Matern q{p.degree, {}};
  for (int k = p.degree; k >= 0; --k) {
    q.coefficient[k] = (k < p.degree ? (k + 1) * q.coefficient[k + 1] : 0) - p.coefficient[k];
  }
  return q;
}

// The part of the hat at node m that lies in [lower, upper].
double hat_integral(const Vector& x, Index m, double lower, double upper) {
  const auto flank = [&](double foot, double tip) {  // from 0 at foot to 1 at tip
    const double low = std::max(lower, std::min(foot, tip));
    const double high = std::min(upper, std::max(foot, tip));
    return high > low ? (high - low) * ((low + high) / 2 - foot) / (tip - foot) : 0.0;
  };
  const double left = m > 0 ? flank(x[m - 1], x[m]) : 0;
  const double right = m + 1 < x.size() ? flank(x[m + 1], x[m]) : 0;
  return left + right;
}

double hat_value(const Vector& x, Index m, double at) {
  if (at == x[m]) return 1;
  const Index neighbour = at < x[m] ? m - 1 : m + 1;
  if (neighbour < 0 || neighbour >= x.size()) return 0;
  return std::max(0.0, (at - x[neighbour]) / (x[m] - x[neighbour]));
}

}  // namespace

Basis::Basis(Shape shape_, double epsilon_, Vector nodes_)
    : shape(shape_), epsilon(epsilon_), nodes(std::move(nodes_)) {
  if (nodes.size() < 2) throw InvalidInput("tau needs at least two nodes");
  for (Index m = 0; m < size(); ++m) {
    if (!std::isfinite(nodes[m])) throw InvalidInput("tau must be finite and positive");
    if (m > 0 && nodes[m] <= nodes[m - 1]) throw InvalidInput("tau must increase");
  }
  if (shape != Shape::kPiecewiseLinear && !(epsilon > 0 && std::isfinite(epsilon))) {
    throw InvalidInput("the shape factor epsilon must be positive");
  }
}

double shape_value(Shape shape, double u) {
  const double a = std::abs(u);
  switch (shape) {
    case Shape::kGaussian:
      return std::exp(-u * u);
    case Shape::kInverseQuadratic:
      return 1 / (1 + u * u);
    case Shape::kInverseQuadric:
      return 1 / std::sqrt(1 + u * u);
    case Shape::kCauchy:
      return 1 / (1 + a);
    case Shape::kPiecewiseLinear:
      throw InvalidInput("piecewise linear functions depend on their neighbours");
    default:
      return evaluate(matern(shape), a) * std::exp(-a);
  }
}

double shape_derivative(Shape shape, double u, int order) {
  const double s = 1 + u * u;
  const bool first = order == 1;
  switch (shape) {
    case Shape::kGaussian:
      return std::exp(-u * u) * (first ? -2 * u : 4 * u * u - 2);
    case Shape::kInverseQuadratic:
      return first ? -2 * u / (s * s) : (6 * u * u - 2) / (s * s * s);
    case Shape::kInverseQuadric:
      return (first ? -u : (2 * u * u - 1) / s) / (s * std::sqrt(s));
    case Shape::kCauchy: {
      const double a = 1 + u;
      return first ? -1 / (a * a) : 2 / (a * a * a);
    }
    case Shape::kPiecewiseLinear:
      throw InvalidInput("piecewise linear functions depend on their neighbours");
    default: {
      const Matern d = differentiate(matern(shape));
      return evaluate(first ? d : differentiate(d), u) * std::exp(-u);
    }
  }
}

double shape_integral(Shape shape, double u) {
  const double a = std::abs(u);
  const auto from_zero = [&] {
    switch (shape) {
      case Shape::kGaussian:
        return std::sqrt(std::numbers::pi) / 2 * std::erf(a);
      case Shape::kInverseQuadratic:
        return std::atan(a);
      case Shape::kInverseQuadric:
        return std::asinh(a);
      case Shape::kCauchy:
        return std::log1p(a);
      case Shape::kPiecewiseLinear:
        throw InvalidInput("piecewise linear functions depend on their neighbours");
      default: {
        const Matern q = integrate(matern(shape));
        return evaluate(q, a) * std::exp(-a) - q.coefficient[0];
      }
    }
  };
  return std::copysign(from_zero(), u);
}

double shape_half_width(Shape shape) {
  switch (shape) {
    case Shape::kGaussian:
      return std::sqrt(std::numbers::ln2);
    case Shape::kInverseQuadratic:
    case Shape::kCauchy:
      return 1;
    case Shape::kInverseQuadric:
      return std::numbers::sqrt3;
    default: {  // Newton; phi falls and is convex or nearly so near one half
      double u = 1;
      for (int i = 0; i < 60; ++i) u -= (shape_value(shape, u) - 0.5) / shape_derivative(shape, u, 1);
      return u;
    }
  }
}

double epsilon_from_fwhm(Shape shape, double coefficient, ConstVectorView nodes) {
  if (shape == Shape::kPiecewiseLinear) return 1;
  if (!(coefficient > 0 && std::isfinite(coefficient))) {
    throw InvalidInput("the FWHM coefficient must be positive");
  }
  const double spacing = (nodes[nodes.size() - 1] - nodes[0]) / static_cast<double>(nodes.size() - 1);
  return coefficient * 2 * shape_half_width(shape) / spacing;
}

RowMatrix basis_values(const Basis& basis, ConstVectorView points) {
  RowMatrix values(points.size(), basis.size());
  for (Index i = 0; i < points.size(); ++i) {
    for (Index m = 0; m < basis.size(); ++m) {
      values(i, m) = basis.shape == Shape::kPiecewiseLinear
                         ? hat_value(basis.nodes, m, points[i])
                         : shape_value(basis.shape, basis.epsilon * (points[i] - basis.nodes[m]));
    }
  }
  return values;
}

Vector basis_integrals(const Basis& basis, double lower, double upper) {
  Vector integrals(basis.size());
  for (Index m = 0; m < basis.size(); ++m) {
    if (basis.shape == Shape::kPiecewiseLinear) {
      integrals[m] = hat_integral(basis.nodes, m, lower, upper);
    } else {
      const auto primitive = [&](double x) {
        return shape_integral(basis.shape, basis.epsilon * (x - basis.nodes[m])) / basis.epsilon;
      };
      integrals[m] = primitive(upper) - primitive(lower);
    }
  }
  return integrals;
}

}  // namespace drtengine
