#include "drtengine/log_sums.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"
#include "support.hpp"

namespace drtengine::testing {

TEST_CASE("deviations of sums are those of the inverse of the whole precision") {
  const Index n = 7, free = 2, rows = 9;
  const double h = 0.3;
  Random random(4);
  const RowMatrix kernel = random.matrix(rows, n + free), sums = random.matrix(3, n);
  const Vector scale = random.matrix(rows, 1).cwiseAbs(), gamma = random.matrix(n, 1).array().exp();
  const Vector precision = Vector{{2, 0.1, 2}};
  const Vector found = sum_deviations(kernel, scale, gamma, sums, precision, h);

  Matrix second = Matrix::Zero(n - 2, n), first = Matrix::Zero(2, n);  // u'' h^{1/2} at the inner nodes, u' at the ends
  for (Index i = 0; i < n - 2; ++i) {
    second(i, i) = second(i, i + 2) = 1 / (h * std::sqrt(h));
    second(i, i + 1) = -2 / (h * std::sqrt(h));
  }
  first(0, 0) = first(1, n - 2) = -1 / h;
  first(0, 1) = first(1, n - 1) = 1 / h;
  Vector slope = Vector::Ones(n + free);  // of Z over the unknowns, u and the free ones
  slope.head(n) = gamma;
  const Matrix J = scale.asDiagonal() * kernel * slope.asDiagonal();
  for (Index i = 0; i < sums.rows(); ++i) {
    Matrix H = J.transpose() * J;
    H.topLeftCorner(n, n) += precision[i] * second.transpose() * second + kEndPrecision * first.transpose() * first +
                             kAnchor * Matrix::Identity(n, n);
    Vector s = Vector::Zero(n + free);
    s.head(n) = sums.row(i).transpose().cwiseProduct(gamma);
    const double variance = s.dot(least_squares(H.cast<Real>(), s.cast<Real>()).cast<double>());
    CHECK(found[i] == within(std::sqrt(variance), 1e-9 * std::sqrt(variance)));
  }
}

TEST_CASE("sums that do not fit the nodes are refused") {
  const RowMatrix kernel = RowMatrix::Ones(5, 4);
  const Vector five = Vector::Ones(5), three = Vector::Ones(3);
  CHECK_THROWS_AS(sum_deviations(kernel, five, three, RowMatrix::Ones(1, 4), Vector::Ones(1), 1), InvalidInput);
  CHECK_THROWS_AS(sum_deviations(kernel, three, three, RowMatrix::Ones(1, 3), Vector::Ones(1), 1), InvalidInput);
  CHECK_THROWS_AS(sum_deviations(kernel, five, three, RowMatrix::Ones(2, 3), Vector::Ones(1), 1), InvalidInput);
  CHECK_THROWS_AS(sum_deviations(kernel, five, five, RowMatrix::Ones(1, 5), Vector::Ones(1), 1), InvalidInput);
}

}  // namespace drtengine::testing
