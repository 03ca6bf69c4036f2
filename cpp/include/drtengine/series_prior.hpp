// The prior that ties the spectra of a series together, and what the evidence makes of its parameters.
//
// Over u = ln(gamma) of all spectra:  sum_v sum_j s_vj (D u_v)_j^2 + sum_i k_i |u_{i+1} - u_i|^2,
// D second differences over ln tau and k_i = eta h closeness_i q_i for the interval i between two
// spectra: eta is common, q_i near one unless the series jumps there.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

struct SeriesPrior {
  double h = 0;      // between nodes
  Vector closeness;  // [interval] the median distance of neighbours over that of these two
  double eta = 1;
  Vector q;             // [interval]
  RowMatrix precision;  // s_vj [spectrum, node - 2]

  Vector ties() const { return eta * h * closeness.cwiseProduct(q); }
};

// What a fit has seen, at the present parameters.
struct SeriesMoments {
  RowMatrix difference, difference_variance;  // (D u_v)_j [spectrum, node - 2]
  Vector step2;                               // [interval] h |u_{i+1} - u_i|^2
  Vector step_variance;                       // [interval] the sum of its variances over the nodes, times h
};

// One update of eta, q and s by MacKay's rule, with the normaliser of the prior as if s were constant over j.
// s: with `common` one number for all, else a shape for each spectrum, from its own differences, times
// a level that is drawn towards that of the series. Returns how far the logarithms have moved, weighted
// as the test for the end wants it.
double adapt(SeriesPrior& prior, const SeriesMoments& moments, bool common);

// Expectations under the prior with s_vj = lambda_v: T_l = diag(lambda) delta_l + sum_i tie_i (e_{i+1} - e_i)(...)',
// delta the eigenvalues of D'D / h.
struct PriorExpectations {
  Vector curvature;  // [spectrum] lambda_v sum_l delta_l (T_l^-1)_vv
  Vector step;       // [interval] sum_l (e_{i+1} - e_i)' T_l^-1 (e_{i+1} - e_i)
};
PriorExpectations expect(const Vector& lambda, const Vector& tie, const Vector& delta);

Vector eigenvalues_of_penalty(Index n_nodes, double h);

}  // namespace drtengine
