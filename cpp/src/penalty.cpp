#include "drtengine/penalty.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/quadrature.hpp"

#include <cmath>
#include <map>
#include <numbers>

namespace drtengine {
namespace {

// The functions below give int phi^(k)(u) phi^(k)(u - a) du for a >= 0.

double gaussian_overlap(double a, int order) {
  const double a2 = a * a;
  const double polynomial = order == 0 ? 1 : order == 1 ? 1 - a2 : 3 - 6 * a2 + a2 * a2;
  return std::sqrt(std::numbers::pi / 2) * polynomial * std::exp(-a2 / 2);
}

double inverse_quadratic_overlap(double a, int order) {
  const double a2 = a * a, s = a2 + 4;
  const double value = order == 0   ? 1 / s
                       : order == 1 ? (8 - 6 * a2) / (s * s * s)
                                    : 24 * (5 * a2 * a2 - 40 * a2 + 16) / (s * s * s * s * s);
  return 2 * std::numbers::pi * value;
}

// Autocorrelations of the Matern functions: a polynomial times exp(-a), lowest power first.
struct Polynomial {
  double coefficient[8];
};
constexpr Polynomial kMaternOverlap[4][3] = {
    // [C0 .. C6][order]
    {{{1, 1, 0, 0, 0, 0, 0, 0}}, {{1, -1, 0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0, 0, 0}}},
    {{{5. / 2, 5. / 2, 1, 1. / 6, 0, 0, 0, 0}},
     {{1. / 2, 1. / 2, 0, -1. / 6, 0, 0, 0, 0}},
     {{1. / 2, 1. / 2, -1, 1. / 6, 0, 0, 0, 0}}},
    {{{7. / 2, 7. / 2, 14. / 9, 7. / 18, 1. / 18, 1. / 270, 0, 0}},
     {{7. / 18, 7. / 18, 1. / 9, -1. / 54, -1. / 54, -1. / 270, 0, 0}},
     {{1. / 6, 1. / 6, 0, -1. / 18, -1. / 54, 1. / 270, 0, 0}}},
    {{{429. / 100, 429. / 100, 99. / 50, 11. / 20, 1. / 10, 3. / 250, 1. / 1125, 1. / 31500}},
     {{33. / 100, 33. / 100, 3. / 25, 1. / 100, -1. / 150, -1. / 375, -1. / 2250, -1. / 31500}},
     {{9. / 100, 9. / 100, 1. / 50, -1. / 100, -1. / 150, -1. / 750, 0, 1. / 31500}}},
};

double matern_overlap(Shape shape, double a, int order) {
  const auto& p = kMaternOverlap[static_cast<int>(shape) - static_cast<int>(Shape::kC0)][order];
  double value = 0;
  for (int k = 7; k >= 0; --k) value = value * a + p.coefficient[k];
  return value * std::exp(-a);
}

// Around the middle of the two centres the integrand is even in v = u - a/2. Panels reach from
// the middle past the centre at v = a/2, then 1/v covers the algebraic tail.
double overlap_by_quadrature(Shape shape, double a, int order) {
  const auto derivative = [&](double u) {
    if (order == 0) return shape_value(shape, u);
    const double value = shape_derivative(shape, std::abs(u), order);
    return order == 1 ? std::copysign(value, -u) : value;
  };
  const auto integrand = [&](double v) { return derivative(v + a / 2) * derivative(v - a / 2); };
  Rule rule;
  const double end = a / 2 + 8;
  for (double left = 0, length; left < a / 2; left += length) {  // finer towards the centre
    const double rest = a / 2 - left;
    length = rest < 0.5 ? rest : std::max(0.25, rest / 3);
    add_panel(rule, left, left + length);
  }
  add_panels(rule, a / 2, end, 0.25, 1);
  double sum = 0;
  for (std::size_t j = 0; j < rule.nodes.size(); ++j) sum += rule.weights[j] * integrand(rule.nodes[j]);
  Rule tail;
  for (double upper = 1; upper > 1e-3; upper /= 2) add_panel(tail, upper / 2, upper);
  add_panel(tail, 0, std::exp2(-10));
  for (std::size_t j = 0; j < tail.nodes.size(); ++j) {
    const double w = tail.nodes[j];
    sum += tail.weights[j] * integrand(end / w) * end / (w * w);
  }
  return 2 * sum;
}

bool has_closed_form(Shape shape) { return shape != Shape::kInverseQuadric && shape != Shape::kCauchy; }

double overlap(Shape shape, double a, int order) {
  switch (shape) {
    case Shape::kGaussian:
      return gaussian_overlap(a, order);
    case Shape::kInverseQuadratic:
      return inverse_quadratic_overlap(a, order);
    default:
      return matern_overlap(shape, a, order);
  }
}

RowMatrix piecewise_linear_penalty(const Vector& x, int order) {
  const Index n = x.size();
  RowMatrix m = RowMatrix::Zero(n, n);
  if (order == 2) {
    for (Index i = 1; i + 1 < n; ++i) {
      const double left = x[i] - x[i - 1], right = x[i + 1] - x[i], cell = (left + right) / 2;
      const Eigen::RowVector3d second{1 / left / cell, -(1 / left + 1 / right) / cell, 1 / right / cell};
      m.block<3, 3>(i - 1, i - 1) += cell * second.transpose() * second;
    }
    return m;
  }
  for (Index i = 0; i + 1 < n; ++i) {
    const double h = x[i + 1] - x[i];
    const Eigen::Matrix2d element = order == 0 ? Eigen::Matrix2d{{h / 3, h / 6}, {h / 6, h / 3}}
                                               : Eigen::Matrix2d{{1 / h, -1 / h}, {-1 / h, 1 / h}};
    m.block<2, 2>(i, i) += element;
  }
  return m;
}

}  // namespace

RowMatrix penalty(const Basis& basis, int order) {
  if (order < 0 || order > 2) throw InvalidInput("order must be 0, 1 or 2");
  if (order == 2 && (basis.shape == Shape::kC0 || basis.shape == Shape::kCauchy)) {
    throw InvalidInput(
        "order 2 is ill-posed for this basis: the function has a kink, its second derivative is not "
        "square integrable; choose order 1 or another basis");
  }
  if (basis.shape == Shape::kPiecewiseLinear) return piecewise_linear_penalty(basis.nodes, order);

  // a change of variable u = eps ln(tau) brings eps^(2k - 1)
  const double scale = std::pow(basis.epsilon, 2 * order - 1);
  const Index n = basis.size();
  RowMatrix m(n, n);
  const auto fill = [&](auto&& entry) {
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) {
        m(i, j) = m(j, i) = scale * entry(basis.epsilon * (basis.nodes[i] - basis.nodes[j]));
      }
    }
  };
  if (has_closed_form(basis.shape)) {
    fill([&](double a) { return overlap(basis.shape, a, order); });
  } else {
    std::map<double, double> known;  // quadrature is slow, and distances repeat on uniform grids
    fill([&](double a) {
      const auto [found, is_new] = known.try_emplace(a);
      if (is_new) found->second = overlap_by_quadrature(basis.shape, a, order);
      return found->second;
    });
  }
  return m;
}

}  // namespace drtengine
