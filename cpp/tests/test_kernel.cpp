#include "drtengine/kernel.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

#include <complex>

namespace drtengine::testing {
namespace {

const double kRootPi = std::sqrt(std::numbers::pi);

// The kernel at the frequencies w = exp(x), for a node at tau = 1: x = ln(w tau).
Kernel kernel_at(Shape shape, double epsilon, const Vector& x) {
  Kernel k = kernel(Basis(shape, epsilon, Vector{{0, 1}}), x.array().exp().matrix());
  return {k.real.leftCols(1), k.imag.leftCols(1)};
}

// The integral of phi(eps t) over all t, or over what is left of a slow tail.
double total(Shape shape, double epsilon) {
  const bool is_cut = shape == Shape::kInverseQuadric || shape == Shape::kCauchy;
  const double end = is_cut ? epsilon * kSlowTailCut : shape == Shape::kInverseQuadratic ? 1e300 : 1e3;
  return 2 * shape_integral(shape, end) / epsilon;
}

// int phi(eps t) / (1 + i e^{x + t}) dt with x = ln(w tau), on panels that are short against what
// phi and the Debye function do there.
std::complex<Real> reference(Shape shape, Real epsilon, Real x) {
  const bool is_cut = shape == Shape::kInverseQuadric || shape == Shape::kCauchy;
  const Real near = 10 / epsilon, end = is_cut ? Real{kSlowTailCut} : std::abs(x) + 50 + 50 / epsilon;
  const auto debye = [x](Real t) { return Real{1} / std::complex<Real>(1, std::exp(x + t)); };
  const auto both_sides = [&](Real t) { return phi(shape, epsilon * t).value * (debye(t) + debye(-t)); };
  std::complex<Real> sum = integrate(both_sides, 0, near, 100 + static_cast<int>(5 * near)) +
                           integrate(both_sides, near, end, static_cast<int>(8 * (end - near)));
  // beyond the end the Debye function is 1 on one side and 0 on the other
  if (shape == Shape::kInverseQuadratic) sum += std::atan(1 / (epsilon * end)) / epsilon;
  return sum;
}

TEST_CASE("entries are the integrals") {
  const Vector x{{-23, -9.7, -1.3, 0, 0.6, 2.9, 18}};
  for (const Shape shape : kRadialShapes) {
    for (const double epsilon : {0.02, 0.3, 1.1, 6.0}) {
      const bool is_cut = shape == Shape::kInverseQuadric || shape == Shape::kCauchy;
      if (is_cut && 10 / epsilon > kSlowTailCut) continue;  // wider than the reference's panels
      CAPTURE(static_cast<int>(shape));
      CAPTURE(epsilon);
      const Kernel k = kernel_at(shape, epsilon, x);
      const double tolerance = shape == Shape::kGaussian ? 1e-13 : 1e-11;
      for (Index i = 0; i < x.size(); ++i) {
        const std::complex<Real> exact = reference(shape, epsilon, x[i]);
        CHECK(k.real(i, 0) == within(exact.real(), tolerance));
        CHECK(k.imag(i, 0) == within(exact.imag(), tolerance));
      }
    }
  }
}

TEST_CASE("Gaussians at both ends of the frequency axis, at w tau = 1, and when narrow") {
  for (const double epsilon : {0.5, 1.5, 6.0}) {
    const Kernel k = kernel_at(Shape::kGaussian, epsilon, Vector{{-60, 0, 60}});
    const double area = kRootPi / epsilon, moment = area * std::exp(1 / (4 * epsilon * epsilon));  // of e^{+-t}
    CHECK(k.real(0, 0) == within(area, 1e-14));
    CHECK(k.real(1, 0) == within(area / 2, 1e-14));
    // int phi e^{-2t} / (w tau)^2
    CHECK(k.real(2, 0) == within(area * std::exp(1 / (epsilon * epsilon) - 120), 1e-13));
    CHECK(k.imag(0, 0) == within(-moment * std::exp(-60.0), 1e-13));
    CHECK(k.imag(2, 0) == within(-moment * std::exp(-60.0), 1e-13));
  }
  // nearly a delta function: the Debye function, and its second derivative times 1/(4 eps^2)
  const double epsilon = 200, x = 0.8;
  const Kernel k = kernel_at(Shape::kGaussian, epsilon, Vector{{x}});
  const double debye = (1 - std::tanh(x)) / 2, bend = std::tanh(x) / std::pow(std::cosh(x), 2);
  CHECK(k.real(0, 0) * epsilon / kRootPi == within(debye + bend / (4 * epsilon * epsilon), 1e-9));
}

TEST_CASE("the imaginary part is even in ln(w tau), the real part is odd about half the integral") {
  const Vector x = Vector::LinSpaced(40, -15, 15);
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    const Kernel k = kernel_at(shape, 1.3, x);
    const auto backwards = [](const RowMatrix& m) { return m.colwise().reverse(); };
    CHECK((k.imag.cwiseQuotient(backwards(k.imag)).array() - 1).abs().maxCoeff() <= 1e-13);
    const double sum = total(shape, 1.3);
    CHECK(largest(k.real + backwards(k.real) - RowMatrix::Constant(40, 1, sum)) <= 1e-12 * sum);
    CHECK((k.real.array() > 0).all());
    CHECK((k.imag.array() < 0).all());
  }
}

TEST_CASE("entries depend on w tau alone") {
  const Vector nodes = Vector::LinSpaced(11, -8, 2), omega = (-nodes.array()).exp();
  for (const Shape shape : kRadialShapes) {
    CAPTURE(static_cast<int>(shape));
    const Kernel k = kernel(Basis(shape, 1.1, nodes), omega);
    for (Index i = 1; i < 11; ++i) {
      CHECK(distance(k.real.row(i).tail(11 - i), k.real.row(0).head(11 - i)) <= 1e-12);
      CHECK(distance(k.imag.row(i).tail(11 - i), k.imag.row(0).head(11 - i)) <= 1e-12);
    }
  }
}

TEST_CASE("piecewise linear functions: half the distance of the neighbours times the Debye function") {
  Random random(4);
  const Vector nodes = random.increasing(6, 0.3, 2), omega{{1e-3, 0.4, 1, 30, 1e5}};
  const Kernel k = kernel(Basis(Shape::kPiecewiseLinear, 1, nodes), omega);
  for (Index i = 0; i < 5; ++i) {
    for (Index m = 0; m < 6; ++m) {
      const double left = m > 0 ? nodes[m] - nodes[m - 1] : 0, right = m < 5 ? nodes[m + 1] - nodes[m] : 0;
      const std::complex<double> debye = 1.0 / std::complex<double>(1, omega[i] * std::exp(nodes[m]));
      CHECK(k.real(i, m) == within((left + right) / 2 * debye.real(), 1e-13));
      CHECK(k.imag(i, m) == within((left + right) / 2 * debye.imag(), 1e-13));
    }
  }
}

TEST_CASE("frequencies that are none") {
  for (const double omega : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")}) {
    for (const Shape shape : {Shape::kGaussian, Shape::kPiecewiseLinear}) {
      CHECK_THROWS_AS(kernel(Basis(shape, 1, Vector{{0, 1}}), Vector{{1, omega}}), InvalidInput);
    }
  }
}

}  // namespace
}  // namespace drtengine::testing
