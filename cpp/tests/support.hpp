// What the tests share: distances, random problems, and second implementations in long double.
#pragma once

#include "drtengine/design.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <ostream>
#include <random>
#include <vector>

// after <ostream>, for doctest to print what it compares; fast to compile
#define DOCTEST_CONFIG_SUPER_FAST_ASSERTS
#include <doctest/doctest.h>

namespace drtengine::testing {

using Real = long double;
using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

// ---------------------------------------------------------------- distances

// The largest absolute value; infinite where an entry is not finite.
template <class M>
double largest(const M& m) {
  if (m.size() == 0) return 0;
  return m.allFinite() ? static_cast<double>(m.cwiseAbs().maxCoeff()) : std::numeric_limits<double>::infinity();
}

// The largest difference over the largest expected value.
template <class A, class B>
double distance(const A& value, const B& expected) {
  const double error = largest(value - expected);
  return error == 0 ? 0 : error / largest(expected);
}

// For x == within(expected, relative): |x - expected| < relative (|expected| + scale).
inline doctest::Approx within(Real expected, double relative, double scale = 0) {
  return doctest::Approx(static_cast<double>(expected)).epsilon(relative).scale(scale);
}

// Also tells NaN from NaN and 0 from -0.
template <class A, class B>
bool same_bits(const A& a, const B& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (Index i = 0; i < a.rows(); ++i) {
    for (Index j = 0; j < a.cols(); ++j) {
      if (std::bit_cast<std::uint64_t>(a(i, j)) != std::bit_cast<std::uint64_t>(b(i, j))) return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- random numbers

// The same numbers on every platform, which the distributions of <random> do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  double uniform(double lower, double upper) {
    return lower + (upper - lower) * 0x1p-53 * static_cast<double>(engine_() >> 11);
  }
  RowMatrix matrix(Index rows, Index columns) {  // entries between -1 and 1
    return RowMatrix::NullaryExpr(rows, columns, [this] { return uniform(-1, 1); });
  }
  Vector vector(Index n) {
    return Vector::NullaryExpr(n, [this] { return uniform(-1, 1); });
  }
  Vector increasing(Index n, double smallest_step, double largest_step) {
    Vector x(n);
    x[0] = uniform(-1, 1);
    for (Index i = 1; i < n; ++i) x[i] = x[i - 1] + uniform(smallest_step, largest_step);
    return x;
  }
  // Symmetric with eigenvalues spread evenly, in the logarithm, from 1 down to 1/condition.
  RowMatrix positive_definite(Index n, double condition);

 private:
  std::mt19937_64 engine_;
};

// ---------------------------------------------------------------- quadrature

// The five-point Gauss rule on panels of equal length, for real or complex f.
template <class F>
auto integrate(F&& f, Real lower, Real upper, int panels) {
  static const Real root = std::sqrt(Real{10} / 7), root70 = std::sqrt(Real{70});
  static const Real inner = std::sqrt(5 - 2 * root) / 3, outer = std::sqrt(5 + 2 * root) / 3;
  static const Real weights[] = {Real{128} / 225, (322 + 13 * root70) / 900, (322 - 13 * root70) / 900};
  const Real half = (upper - lower) / panels / 2;
  decltype(f(lower)) sum = 0;
  for (int i = 0; i < panels; ++i) {
    const Real centre = lower + (2 * i + 1) * half;
    const auto pair = [&](Real x) { return f(centre - half * x) + f(centre + half * x); };
    sum += weights[0] * f(centre) + weights[1] * pair(inner) + weights[2] * pair(outer);
  }
  return sum * half;
}

// From `lower` to infinity, for what falls at least as fast as 1/x^2.
template <class F>
auto integrate_to_infinity(F&& f, Real lower, int panels) {
  const auto folded = [&](Real s) { return f(lower + s / (1 - s)) / ((1 - s) * (1 - s)); };
  return integrate(folded, 0, 1, panels);
}

// ---------------------------------------------------------------- basis functions

// A value with its first and second derivative, carried through formulas by the chain rule.
struct Jet {
  Real value, first, second;
  Jet(Real v, Real d = 0, Real dd = 0) : value(v), first(d), second(dd) {}
};
inline Jet operator+(Jet a, Jet b) { return {a.value + b.value, a.first + b.first, a.second + b.second}; }
inline Jet operator*(Jet a, Jet b) {
  return {a.value * b.value, a.first * b.value + a.value * b.first,
          a.second * b.value + 2 * a.first * b.first + a.value * b.second};
}
inline Jet exp(Jet a) {
  const Real e = std::exp(a.value);
  return {e, e * a.first, e * (a.first * a.first + a.second)};
}
inline Jet pow(Jet a, Real p) {
  const Real slope = p * std::pow(a.value, p - 1), bend = p * (p - 1) * std::pow(a.value, p - 2);
  return {std::pow(a.value, p), slope * a.first, bend * a.first * a.first + slope * a.second};
}

// The formulas of basis.hpp; one-sided, from above, at u = 0.
inline Jet phi(Shape shape, Real u) {
  const Jet a(std::abs(u), u < 0 ? -1 : 1), decay = exp(-1 * a);
  switch (shape) {
    case Shape::kGaussian:
      return exp(-1 * a * a);
    case Shape::kC0:
      return decay;
    case Shape::kC2:
      return (1 + a) * decay;
    case Shape::kC4:
      return (3 + 3 * a + a * a) * decay * (Real{1} / 3);
    case Shape::kC6:
      return (15 + 15 * a + 6 * a * a + a * a * a) * decay * (Real{1} / 15);
    case Shape::kInverseQuadratic:
      return pow(1 + a * a, -1);
    case Shape::kInverseQuadric:
      return pow(1 + a * a, -0.5L);
    case Shape::kCauchy:
      return pow(1 + a, -1);
    default:
      return 0;
  }
}

inline Real derivative(Shape shape, Real u, int order) {
  const Jet jet = phi(shape, u);
  return order == 0 ? jet.value : order == 1 ? jet.first : jet.second;
}

inline constexpr Shape kRadialShapes[] = {
    Shape::kGaussian,       Shape::kC0,     Shape::kC2, Shape::kC4, Shape::kC6, Shape::kInverseQuadratic,
    Shape::kInverseQuadric, Shape::kCauchy,
};

inline bool has_kink(Shape shape) { return shape == Shape::kC0 || shape == Shape::kCauchy; }

// ---------------------------------------------------------------- spectra

Vector log_spaced(double first, double last, Index n);

// Gaussians on n_nodes time constants and as many frequencies as asked, over the same nine decades.
Design sample_design(Index n_frequencies, Index n_nodes, const Model& model = {});

// On the frequencies of sample_design: R + i w L + two arcs R_j / (1 + (i w tau_j)^alpha_j), each
// with values of its own and a relative noise.
RowMatrix sample_spectra(Index n_spectra, Index n_frequencies, double noise, std::uint64_t seed);

// ---------------------------------------------------------------- least squares

// (WA over sqrt(lambda) R) with R'R = M: what the ridge problem is a least-squares problem of.
RealMatrix stacked(const Design& design, const Vector& w2, double lambda);

// By QR: x that minimises |rows x - right|, and an orthonormal basis of the columns of `rows`.
RealVector least_squares(const RealMatrix& rows, const RealVector& right);
RealMatrix orthonormal(const RealMatrix& rows);

}  // namespace drtengine::testing
