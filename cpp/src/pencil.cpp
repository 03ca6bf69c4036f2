#include "drtengine/pencil.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"

namespace drtengine {

Pencil::Pencil(const RowMatrix& gram, const RowMatrix& penalty) {
  // small enough that rounding of sigma stays far below lambda/lambda_0 down to lambda = 1e-8,
  // large enough that S is well conditioned
  lambda_0 = 1e-3 * gram.trace() / penalty.trace();
  const Cholesky cholesky(gram + lambda_0 * penalty);
  if (!cholesky.succeeded()) throw NotPositiveDefinite("A'A + lambda M is singular");
  log_det = cholesky.log_det();
  const SymmetricEigen eigen(cholesky.solve_lower(cholesky.solve_lower(gram).transpose()));
  sigma = eigen.values.cwiseMax(0).cwiseMin(1);
  V = cholesky.solve_upper(eigen.vectors);
}

Vector Pencil::denominators(double lambda) const { return sigma.array() + lambda / lambda_0 * (1 - sigma.array()); }

double Pencil::log_det_H(double lambda) const { return log_det + denominators(lambda).array().log().sum(); }

}  // namespace drtengine
