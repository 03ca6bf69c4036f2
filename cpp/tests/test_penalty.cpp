#include "drtengine/penalty.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

bool is_allowed(Shape shape, int order) { return order < 2 || !has_kink(shape); }

// int phi_n^(k) phi_m^(k) d ln(tau) with u = eps ln(tau), cut at both nodes, where kinks may be. n <= m.
double overlap(const Basis& basis, Index n, Index m, int order) {
  const Real epsilon = basis.epsilon, low = epsilon * basis.nodes[n], high = epsilon * basis.nodes[m];
  const auto product = [&](Real u) {
    return derivative(basis.shape, u - low, order) * derivative(basis.shape, u - high, order);
  };
  const auto mirrored = [&](Real u) { return product(-u); };
  const Real sum = integrate(product, low, high, 10 + static_cast<int>(8 * (high - low))) +
                   integrate_to_infinity(product, high, 150) + integrate_to_infinity(mirrored, -low, 150);
  return static_cast<double>(sum * std::pow(epsilon, 2 * order - 1));
}

double smallest_eigenvalue(const RowMatrix& M) {
  return Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(M).eigenvalues().minCoeff();
}

TEST_CASE("entries are the integrals of products of derivatives") {
  Random random(5);
  for (const Shape shape : kRadialShapes) {
    for (int order = 0; order <= 2; ++order) {
      if (!is_allowed(shape, order)) continue;
      for (const double epsilon : {0.4, 3.0}) {
        CAPTURE(static_cast<int>(shape));
        CAPTURE(order);
        CAPTURE(epsilon);
        const Basis basis(shape, epsilon, random.increasing(5, 0.05, 6));
        const RowMatrix M = penalty(basis, order);
        RowMatrix exact(5, 5);
        for (Index m = 0; m < 5; ++m) {
          for (Index n = 0; n <= m; ++n) exact(n, m) = exact(m, n) = overlap(basis, n, m, order);
        }
        const bool closed_form = shape != Shape::kInverseQuadric && shape != Shape::kCauchy;
        CHECK(distance(M, exact) <= (closed_form ? 1e-14 : 1e-12));
      }
    }
  }
}

TEST_CASE("penalties are symmetric and never negative") {
  Random random(6);
  const Vector nodes = random.increasing(25, 0.1, 0.6);
  for (int order = 0; order <= 2; ++order) {
    for (const Shape shape : kRadialShapes) {
      if (!is_allowed(shape, order)) continue;
      CAPTURE(static_cast<int>(shape));
      CAPTURE(order);
      const RowMatrix M = penalty(Basis(shape, 1.5, nodes), order);
      CHECK(M == M.transpose());
      CHECK(smallest_eigenvalue(M) >= -1e-12 * M.trace());
    }
    const RowMatrix hats = penalty(Basis(Shape::kPiecewiseLinear, 1, nodes), order);
    CHECK(distance(hats, hats.transpose()) <= 1e-15);
    CHECK(smallest_eigenvalue(hats) >= -1e-14 * hats.trace());
  }
}

TEST_CASE("hats, orders 0 and 1: the integrals over gamma itself") {
  Random random(7);
  const Basis hats(Shape::kPiecewiseLinear, 1, random.increasing(10, 0.1, 2));
  const Vector& t = hats.nodes;
  const Vector x = random.vector(10);
  Real square = 0, slope_square = 0;
  for (Index i = 0; i + 1 < 10; ++i) {
    const auto gamma = [&](Real at) {
      return x[i] + (x[i + 1] - x[i]) * (at - t[i]) / (static_cast<Real>(t[i + 1]) - t[i]);
    };
    square += integrate([&](Real at) { return gamma(at) * gamma(at); }, t[i], t[i + 1], 1);
    slope_square += std::pow(static_cast<Real>(x[i + 1]) - x[i], 2) / (t[i + 1] - t[i]);
  }
  CHECK(x.dot(penalty(hats, 0) * x) == within(square, 1e-14));
  CHECK(x.dot(penalty(hats, 1) * x) == within(slope_square, 1e-14));
}

TEST_CASE("hats, order 2: squared second differences times the width of the cell") {
  Random random(8);
  const Basis hats(Shape::kPiecewiseLinear, 1, random.increasing(10, 0.1, 2));
  const Vector& t = hats.nodes;
  const Vector x = random.vector(10);
  double sum = 0;
  for (Index i = 1; i + 1 < 10; ++i) {
    const double cell = (t[i + 1] - t[i - 1]) / 2;
    const double bend = ((x[i + 1] - x[i]) / (t[i + 1] - t[i]) - (x[i] - x[i - 1]) / (t[i] - t[i - 1])) / cell;
    sum += cell * bend * bend;
  }
  CHECK(x.dot(penalty(hats, 2) * x) == within(sum, 1e-13));
}

TEST_CASE("constants cost no slope and straight lines no bend") {
  Random random(9);
  const Basis hats(Shape::kPiecewiseLinear, 1, random.increasing(15, 0.1, 2));
  for (int order = 1; order <= 2; ++order) {
    const RowMatrix M = penalty(hats, order);
    CHECK(largest(M * Vector::Ones(15)) <= 1e-14 * largest(M));
  }
  const RowMatrix M = penalty(hats, 2);
  CHECK(largest(M * hats.nodes) <= 1e-13 * largest(M) * largest(hats.nodes));
}

TEST_CASE("two hats have no inner node and no bend") {
  CHECK(penalty(Basis(Shape::kPiecewiseLinear, 1, Vector{{0, 1}}), 2).isZero(0));
}

TEST_CASE("what is no penalty") {
  const Vector nodes{{0, 1, 2}};
  for (const int order : {-1, 3}) CHECK_THROWS_AS(penalty(Basis(Shape::kGaussian, 1, nodes), order), InvalidInput);
  for (const Shape shape : {Shape::kC0, Shape::kCauchy}) {
    CHECK_THROWS_AS(penalty(Basis(shape, 1, nodes), 2), InvalidInput);
  }
}

}  // namespace
}  // namespace drtengine::testing
