#include "drtengine/dense.hpp"

#include "support.hpp"

namespace drtengine::testing {
namespace {

// The closed forms are those of the Hilbert-like matrix min(i, j), whose factor L is all ones.
Matrix smallest_index(Index n) {
  Matrix A(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) A(i, j) = static_cast<double>(std::min(i, j) + 1);
  }
  return A;
}

TEST_CASE("Cholesky: L of min(i, j) is a triangle of ones, its inverse second differences") {
  const Index n = 37;
  const Cholesky cholesky(smallest_index(n));
  REQUIRE(cholesky.succeeded());
  CHECK(cholesky.log_det() == doctest::Approx(0));
  const Matrix ones = Matrix(Matrix::Ones(n, n).triangularView<Eigen::Lower>());
  CHECK(largest(Matrix(ones * cholesky.solve_lower(Matrix::Identity(n, n)) - Matrix::Identity(n, n))) <= 1e-13);
  CHECK(largest(Matrix(ones.transpose() * cholesky.solve_upper(Matrix::Identity(n, n)) - Matrix::Identity(n, n))) <=
        1e-13);
  Matrix inverse = 2 * Matrix::Identity(n, n);
  inverse.diagonal(1).setConstant(-1);
  inverse.diagonal(-1).setConstant(-1);
  inverse(n - 1, n - 1) = 1;
  CHECK(largest(Matrix(cholesky.inverse() - inverse)) <= 1e-13);
  CHECK(same_bits(cholesky.inverse(), Matrix(cholesky.inverse().transpose())));
  CHECK(largest(Matrix(cholesky.solve(smallest_index(n)) - Matrix::Identity(n, n))) <= 1e-12);
}

TEST_CASE("Cholesky: what is not positive definite is said to be so") {
  CHECK_FALSE(Cholesky(-smallest_index(3)).succeeded());
}

TEST_CASE("products agree with sums in long double") {
  Random random(3);
  const Matrix A = random.matrix(23, 31), B = random.matrix(31, 17), C = random.matrix(23, 17);
  const auto exact = [](const Matrix& left, const Matrix& right) {
    return Matrix((left.cast<Real>() * right.cast<Real>()).cast<double>());
  };
  CHECK(distance(multiply(A, B), exact(A, B)) <= 1e-14);
  CHECK(distance(multiply_transposed(A, C), exact(A.transpose(), C)) <= 1e-14);
  const Matrix gram = gram_of_rows(A);
  CHECK(distance(gram, exact(A, A.transpose())) <= 1e-14);
  CHECK(same_bits(gram, Matrix(gram.transpose())));
}

TEST_CASE("QR: Q is orthonormal, R upper, and their product A") {
  Random random(4);
  const Matrix A = random.matrix(29, 11);
  const ThinQr qr(A);
  CHECK(largest(Matrix(qr.Q.transpose() * qr.Q - Matrix::Identity(11, 11))) <= 1e-14);
  CHECK(largest(Matrix(qr.R.triangularView<Eigen::StrictlyLower>())) == 0);
  CHECK(distance(Matrix(qr.Q * qr.R), A) <= 1e-14);
  CHECK(largest(Matrix(invert_upper(qr.R) * qr.R - Matrix::Identity(11, 11))) <= 1e-12);
}

TEST_CASE("the range of a matrix with dependent columns has as many columns as its rank") {
  Random random(5);
  Matrix A = random.matrix(20, 4);
  A.col(3) = A.col(0) - 2 * A.col(1);
  const RankRevealingQr qr(A);
  REQUIRE(qr.Q.cols() == 3);
  CHECK(largest(Matrix(qr.Q.transpose() * qr.Q - Matrix::Identity(3, 3))) <= 1e-14);
  CHECK(distance(Matrix(qr.Q * qr.R), A) <= 1e-13);
  CHECK(qr.R.row(0).norm() >= qr.R.row(2).norm());
}

TEST_CASE("least squares leaves a residual that is orthogonal to the columns") {
  Random random(6);
  const Matrix A = random.matrix(20, 5);
  const Vector b = random.vector(20), x = drtengine::least_squares(A, b);
  CHECK(largest(Vector(A.transpose() * (A * x - b))) <= 1e-13);
}

TEST_CASE("eigenvalues of second differences are 2 - 2 cos(k pi / (n + 1))") {
  const Index n = 25;
  Matrix A = 2 * Matrix::Identity(n, n);
  A.diagonal(1).setConstant(-1);
  A.diagonal(-1).setConstant(-1);
  const SymmetricEigen eigen(A);
  for (Index k = 0; k < n; ++k) {
    const Real angle = static_cast<Real>(k + 1) * std::numbers::pi_v<Real> / static_cast<Real>(n + 1);
    CHECK(eigen.values[k] == within(2 - 2 * std::cos(angle), 1e-13, 1));
  }
  CHECK(largest(Matrix(A * eigen.vectors - eigen.vectors * eigen.values.asDiagonal())) <= 1e-13);
  CHECK(distance(SymmetricEigen(A, false).values, eigen.values) <= 1e-14);
}

}  // namespace
}  // namespace drtengine::testing
