#include "drtengine/basis.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();

// Phi(u) = int_0^u phi for u >= 0, where it has a name.
Real named_integral(Shape shape, Real u) {
  switch (shape) {
    case Shape::kGaussian:
      return std::sqrt(std::numbers::pi_v<Real>) / 2 * std::erf(u);
    case Shape::kC0:
      return 1 - std::exp(-u);
    case Shape::kC2:
      return 2 - (2 + u) * std::exp(-u);
    case Shape::kC4:
      return (8 - (8 + 5 * u + u * u) * std::exp(-u)) / 3;
    case Shape::kC6:
      return (48 - (48 + 33 * u + 9 * u * u + u * u * u) * std::exp(-u)) / 15;
    case Shape::kInverseQuadratic:
      return std::atan(u);
    case Shape::kInverseQuadric:
      return std::log(u + std::sqrt(1 + u * u));
    default:
      return std::log(1 + u);
  }
}

TEST_CASE("values and derivatives follow the formulas") {
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    CHECK(shape_value(shape, 0) == 1);
    double value = 0, first = 0, second = 0;  // errors
    for (double u = 0; u < 12; u += 0.0625) {
      const Jet exact = phi(shape, u);
      const auto error = [](double x, Real y) { return static_cast<double>(std::abs(x - y)); };
      value = std::max({value, error(shape_value(shape, u), exact.value), error(shape_value(shape, -u), exact.value)});
      first = std::max(first, error(shape_derivative(shape, u, 1), exact.first));
      second = std::max(second, error(shape_derivative(shape, u, 2), exact.second));
    }
    CHECK(value <= 3e-16);
    CHECK(first <= 1e-15);
    CHECK(second <= 2e-15);
  }
}

TEST_CASE("derivatives are limits of differences") {
  constexpr double h = 1e-4;
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    for (const double u : {0.01, 0.3, 1.0, 2.5, 7.0}) {
      const double below = shape_value(shape, u - h), at = shape_value(shape, u), above = shape_value(shape, u + h);
      CHECK(shape_derivative(shape, u, 1) == within((above - below) / (2 * h), 1e-6, 1));
      CHECK(shape_derivative(shape, u, 2) == within((above - 2 * at + below) / (h * h), 1e-6, 1));
    }
  }
}

TEST_CASE("integrals have their closed form, by quadrature too, and are odd") {
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    for (const double u : {1e-3, 0.1, 0.7, 1.0, 3.0, 10.0, 50.0}) {
      const double value = shape_integral(shape, u);
      CHECK(value == within(named_integral(shape, u), 2e-15, 1));
      const Real quadrature = integrate([&](Real x) { return phi(shape, x).value; }, 0, u, 1000);
      CHECK(value == within(quadrature, 2e-15, 1));
      CHECK(shape_integral(shape, -u) == -value);
    }
    CHECK(shape_integral(shape, 0) == 0);
  }
}

TEST_CASE("half widths") {
  CHECK(shape_half_width(Shape::kGaussian) == within(std::sqrt(std::log(2.0)), 1e-15));
  CHECK(shape_half_width(Shape::kC0) == within(std::log(2.0), 1e-15));
  CHECK(shape_half_width(Shape::kInverseQuadratic) == 1);
  CHECK(shape_half_width(Shape::kInverseQuadric) == within(std::sqrt(3.0), 1e-15));
  CHECK(shape_half_width(Shape::kCauchy) == 1);
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    CHECK(static_cast<double>(phi(shape, shape_half_width(shape)).value) == within(0.5, 1e-15));
  }
}

TEST_CASE("the full width at half maximum is the mean spacing over the coefficient") {
  Random random(1);
  const Vector nodes = random.increasing(20, 0.1, 0.9);
  const double spacing = (nodes[19] - nodes[0]) / 19;
  for (const Shape shape : kRadialShapes) {
    const double epsilon = epsilon_from_fwhm(shape, 0.7, nodes);
    CHECK(2 * shape_half_width(shape) / epsilon == within(spacing / 0.7, 1e-14));
  }
  for (const double coefficient : {0.0, -1.0, kNaN, kInf}) {
    CHECK_THROWS_AS(epsilon_from_fwhm(Shape::kGaussian, coefficient, nodes), InvalidInput);
  }
}

TEST_CASE("values and integrals of functions on nodes") {
  Random random(2);
  const Vector nodes = random.increasing(9, 0.2, 1.5), points = random.vector(30) * 12;
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    const Basis basis(shape, 1.7, nodes);
    const RowMatrix values = basis_values(basis, points);
    const Vector integrals = basis_integrals(basis, -3, 5);
    REQUIRE(values.rows() == 30);
    REQUIRE(values.cols() == 9);
    for (Index m = 0; m < 9; ++m) {
      const auto function = [&](Real x) { return phi(shape, 1.7L * (x - nodes[m])).value; };
      for (Index i = 0; i < 30; ++i) {
        CHECK(values(i, m) == within(function(points[i]), 1e-14, 1));
      }
      const Real middle = std::clamp(nodes[m], -3.0, 5.0);  // of a kink
      const Real exact = integrate(function, -3, middle, 400) + integrate(function, middle, 5, 400);
      CHECK(integrals[m] == within(exact, 1e-14, 1));
    }
  }
}

TEST_CASE("hats sum to one between the first and the last node and are zero outside") {
  Random random(3);
  const Vector nodes = random.increasing(12, 0.05, 2);
  const Basis hats(Shape::kPiecewiseLinear, kNaN, nodes);
  CHECK(basis_values(hats, nodes).isIdentity(0));
  const Vector inside = Vector::LinSpaced(301, nodes[0], nodes[11]);
  CHECK(largest(basis_values(hats, inside).rowwise().sum() - Vector::Ones(301)) <= 1e-15);
  // they reproduce a straight line
  CHECK(distance(basis_values(hats, inside) * nodes, inside) <= 1e-15);
  CHECK(basis_values(hats, Vector{{nodes[0] - 1e-9, nodes[11] + 1e-9}}).isZero(0));
}

TEST_CASE("integrals of hats") {
  const Basis hats(Shape::kPiecewiseLinear, 1, Vector{{0, 1, 3, 4}});
  CHECK(basis_integrals(hats, -9, 9).isApprox(Vector{{0.5, 1.5, 1.5, 0.5}}, 1e-15));
  CHECK(basis_integrals(hats, 0, 4).isApprox(Vector{{0.5, 1.5, 1.5, 0.5}}, 1e-15));
  // the line from (1.5, 3/4) to (2, 1/2), and its complement
  CHECK(basis_integrals(hats, 1.5, 2).isApprox(Vector{{0, 0.3125, 0.1875, 0}}, 1e-15));
  CHECK(basis_integrals(hats, 0.5, 2).isApprox(Vector{{0.125, 1.125, 0.25, 0}}, 1e-15));
  CHECK(basis_integrals(hats, 4, 9).isZero(0));
  CHECK(basis_integrals(hats, 1.7, 1.7).isZero(0));
}

TEST_CASE("what is no basis") {
  const Vector nodes{{0, 1, 2}};
  CHECK_THROWS_AS(Basis(Shape::kGaussian, 1, Vector{{0}}), InvalidInput);
  CHECK_THROWS_AS(Basis(Shape::kGaussian, 1, Vector()), InvalidInput);
  CHECK_THROWS_AS(Basis(Shape::kGaussian, 1, Vector{{0, 0}}), InvalidInput);
  CHECK_THROWS_AS(Basis(Shape::kGaussian, 1, Vector{{1, 0}}), InvalidInput);
  CHECK_THROWS_AS(Basis(Shape::kPiecewiseLinear, 1, Vector{{-kInf, 0}}), InvalidInput);
  CHECK_THROWS_AS(Basis(Shape::kPiecewiseLinear, 1, Vector{{0, kNaN}}), InvalidInput);
  for (const double epsilon : {0.0, -1.0, kNaN, kInf}) {
    CHECK_THROWS_AS(Basis(Shape::kGaussian, epsilon, nodes), InvalidInput);
    CHECK_NOTHROW(Basis(Shape::kPiecewiseLinear, epsilon, nodes));
  }
  // a hat is no function of the distance to its node alone
  CHECK_THROWS_AS(shape_value(Shape::kPiecewiseLinear, 0), InvalidInput);
  CHECK_THROWS_AS(shape_derivative(Shape::kPiecewiseLinear, 0, 1), InvalidInput);
  CHECK_THROWS_AS(shape_integral(Shape::kPiecewiseLinear, 0), InvalidInput);
}

}  // namespace
}  // namespace drtengine::testing
