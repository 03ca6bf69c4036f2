// Draws of gamma given lambda and the noise: the normal distribution whose mode solve_ridge finds.
#pragma once

#include "drtengine/chains.hpp"
#include "drtengine/design.hpp"

namespace drtengine {

struct RidgeModes {
  ConstMatrixView coefficients;  // [spectrum, basis function] from solve_ridge, at
  ConstMatrixView free;          // [spectrum, free unknown] in SI units
  ConstVectorView lambda;        // [1 or spectrum]
};

// p(x | Z, lambda, sigma^2) ~ exp(-(|w(z - Ax)|^2 + lambda x'Mx) / 2 sigma^2), where coefficients are not negative if
// `nonneg`; sigma^2 is the mean square of the residuals, less the degrees of freedom of the coefficients that
// are not zero. Quantities are the coefficients times the first n_nodes of `outputs` [basis function, output],
// taken for gamma; the other outputs; the free unknowns in SI units; sigma, which does not vary. Divergences count
// moves that were given up. Without `nonneg` draws are independent.
Samples sample_ridge(const Design& design, ConstMatrixView Z, ConstMatrixView weights, bool own_weights, bool nonneg,
                     const RidgeModes& modes, ConstMatrixView outputs, Index n_nodes, const SamplingOptions& options);

}  // namespace drtengine
