// A'A and M brought to diagonal form together, after which every lambda costs O(n).
//
// With S = A'A + lambda_0 M and V'SV = 1, V'A'AV = diag(sigma): the fractions sigma lie in [0, 1]
// and are 1 for the unpenalised unknowns. Then
//   (A'A + lambda M)^-1 = V diag(1/d) V',   d = sigma + (lambda/lambda_0)(1 - sigma).
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

struct Pencil {
  RowMatrix V;   // [unknown, mode]
  Vector sigma;  // [mode]
  double lambda_0 = 1;
  double log_det = 0;  // of S

  // Throws NotPositiveDefinite where A'A + lambda_0 M is singular.
  Pencil(const RowMatrix& gram, const RowMatrix& penalty);

  Vector denominators(double lambda) const;  // d [mode]
  double log_det_H(double lambda) const;     // of A'A + lambda M
};

}  // namespace drtengine
