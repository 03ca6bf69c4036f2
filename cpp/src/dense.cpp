#include "drtengine/dense.hpp"

#include "drtengine/errors.hpp"

namespace drtengine {

Matrix multiply(const Matrix& A, const Matrix& B) { return A * B; }

Matrix multiply_transposed(const Matrix& A, const Matrix& B) { return A.transpose() * B; }

Matrix gram_of_rows(const Matrix& A) {
  Matrix gram = Matrix::Zero(A.rows(), A.rows());
  gram.selfadjointView<Eigen::Lower>().rankUpdate(A);
  return gram.selfadjointView<Eigen::Lower>();
}

Matrix Cholesky::solve(const Matrix& B) const { return solve_upper(solve_lower(B)); }

Matrix Cholesky::solve_lower(const Matrix& B) const { return llt_.matrixL().solve(B); }

Matrix Cholesky::solve_upper(const Matrix& B) const { return llt_.matrixU().solve(B); }

Matrix Cholesky::inverse() const {
  const Matrix half = solve(Matrix::Identity(llt_.rows(), llt_.rows())) / 2;
  return half + half.transpose();
}

double Cholesky::log_det() const { return 2 * llt_.matrixLLT().diagonal().array().log().sum(); }

ThinQr::ThinQr(const Matrix& A) {
  const Eigen::HouseholderQR<Matrix> qr(A);
  const Index rows = A.rows(), n = A.cols();
  Q = Matrix::Identity(rows, n);
  Vector scratch(n);
  for (Index k = n - 1; k >= 0; --k) {  // backwards, what is left of column k is still the identity
    Q.bottomRightCorner(rows - k, n - k)
        .applyHouseholderOnTheLeft(qr.matrixQR().col(k).tail(rows - k - 1), qr.hCoeffs()[k], scratch.data());
  }
  R = qr.matrixQR().topRows(n).triangularView<Eigen::Upper>();
}

RankRevealingQr::RankRevealingQr(const Matrix& A) {
  const Eigen::ColPivHouseholderQR<Matrix> qr(A);
  const Index rank = qr.rank();
  Q = qr.householderQ().setLength(rank) * Matrix::Identity(A.rows(), rank);
  R = qr.matrixR().topRows(rank).triangularView<Eigen::Upper>();
  R *= qr.colsPermutation().transpose();
}

Matrix invert_upper(const Matrix& R) {
  return R.triangularView<Eigen::Upper>().solve(Matrix::Identity(R.rows(), R.cols()));
}

Vector least_squares(const Matrix& A, const Vector& b) { return A.colPivHouseholderQr().solve(b); }

SymmetricEigen::SymmetricEigen(const Matrix& A, bool with_vectors) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(A,
                                                    with_vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
  if (eigen.info() != Eigen::Success) throw NotPositiveDefinite("the eigenvalues of a matrix did not converge");
  values = eigen.eigenvalues();
  if (with_vectors) vectors = eigen.eigenvectors();
}

}  // namespace drtengine
