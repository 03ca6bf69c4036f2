// Draws of ln gamma by Hamiltonian Monte Carlo, smoothing and noise integrated out.
//
// With f = ln gamma at n nodes, R the weighted residuals for the best free unknowns (of m rows, less one for each
// of these) and D the second differences as in log_lanes.hpp, p(sigma^2) = Inverse gamma(c, d) and
// p(lambda) = Gamma(a, b):
//   -ln p(f | Z) = (c + m/2) ln(d + |R|^2/2) + (a + (n-2)/2) ln(b + |Df|^2/2) + e(f) + constant,
// where e pulls the slopes at the two ends to +-kEndSlope and all of f, next to nothing, to its level.
// All chains take their steps together, in coordinates in which the curvature at the mode is one
// (Neal, MCMC Using Hamiltonian Dynamics, 2011, arXiv:1206.1901).
#pragma once

#include "drtengine/chains.hpp"
#include "drtengine/design.hpp"

namespace drtengine {

struct LogPrior {
  double lambda_shape = 1e-3, lambda_rate = 1e-6;  // a, b
  // c, d; without them as flat in ln sigma as rounding lets it be
  double noise_shape = 0, noise_rate = 0;
  // Precision of every node about `level`, which is ln of ohm; zero for the mean of the fit, hardly held.
  double hold = 0, level = 0;
};

// Z and weights as for fit_log. Quantities are gamma at the nodes; its integrals, which are `functionals`
// [node, functional]; the free unknowns in SI units; sigma, in ohm where the weights have geometric mean one;
// lambda.
Samples sample_log(const Design& design, double h, ConstMatrixView Z, ConstMatrixView weights,
                   ConstMatrixView functionals, const LogPrior& prior, const SamplingOptions& options);

}  // namespace drtengine
