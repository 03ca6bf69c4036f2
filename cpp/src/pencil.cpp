#include "drtengine/pencil.hpp"

#include "drtengine/errors.hpp"

namespace drtengine {

Pencil::Pencil(const RowMatrix& gram, const RowMatrix& penalty) {
  // small enough that rounding of sigma stays far below lambda/lambda_0 down to lambda = 1e-8,
  // large enough that S is well conditioned
  lambda_0 = 1e-3 * gram.trace() / penalty.trace();
  const Eigen::LLT<Eigen::MatrixXd> llt(gram + lambda_0 * penalty);
  if (llt.info() != Eigen::Success) throw NotPositiveDefinite("A'A + lambda M is singular");
  log_det = 2 * llt.matrixLLT().diagonal().array().log().sum();
  Eigen::MatrixXd reduced = llt.matrixL().solve(gram);
  reduced = llt.matrixL().solve(reduced.transpose().eval());
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(reduced);
  if (eigen.info() != Eigen::Success) throw NotPositiveDefinite("the eigenvalues of A'A and M did not converge");
  sigma = eigen.eigenvalues().cwiseMax(0).cwiseMin(1);
  V = llt.matrixU().solve(eigen.eigenvectors());
}

Vector Pencil::denominators(double lambda) const { return sigma.array() + lambda / lambda_0 * (1 - sigma.array()); }

double Pencil::log_det_H(double lambda) const { return log_det + denominators(lambda).array().log().sum(); }

}  // namespace drtengine
