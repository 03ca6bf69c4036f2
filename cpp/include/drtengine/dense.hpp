// Dense factorisations and products outside of the innermost loops, on Eigen. Its templates for them
// take seconds to compile in every file that uses them; here they are compiled once.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

using Matrix = Eigen::MatrixXd;

Matrix multiply(const Matrix& A, const Matrix& B);             // AB
Matrix multiply_transposed(const Matrix& A, const Matrix& B);  // A'B
Matrix gram_of_rows(const Matrix& A);                          // AA'

// A = LL' of a symmetric matrix, of which the lower triangle is read.
class Cholesky {
 public:
  Cholesky() = default;
  explicit Cholesky(const Matrix& A) : llt_(A) {}

  bool succeeded() const { return llt_.info() == Eigen::Success; }
  Matrix solve(const Matrix& B) const;        // A^-1 B
  Matrix solve_lower(const Matrix& B) const;  // L^-1 B
  Matrix solve_upper(const Matrix& B) const;  // L'^-1 B
  Matrix inverse() const;                     // symmetric to the last bit
  double log_det() const;

 private:
  Eigen::LLT<Matrix> llt_;
};

// A = QR with as many columns in Q as A has, which must not be more than its rows.
struct ThinQr {
  explicit ThinQr(const Matrix& A);
  Matrix Q, R;
};

// The same with as many columns as A has rank, those that matter most first.
struct RankRevealingQr {
  explicit RankRevealingQr(const Matrix& A);
  Matrix Q, R;
};

Matrix invert_upper(const Matrix& R);                    // of its upper triangle
Vector least_squares(const Matrix& A, const Vector& b);  // the x that makes |Ax - b| smallest

// Eigenvalues in ascending order, and vectors. Throws NotPositiveDefinite if they do not converge.
struct SymmetricEigen {
  explicit SymmetricEigen(const Matrix& A, bool vectors = true);
  Vector values;
  Matrix vectors;
};

}  // namespace drtengine
