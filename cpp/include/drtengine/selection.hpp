// lambda from the data.
//
// Every criterion gives a score of lambda whose minimum is the choice. With K = A H^-1 A' of the
// weighted rows, H = A'A + lambda M, n rows, n_b penalised and n_f free unknowns, x_u the
// unconstrained and x the non-negative solution, P the unknowns of x that are not zero:
//
//   evidence      (n - n_f) log(|z - Ax|^2 + lambda x'Mx) + log det H_PP - log det lambda M_PP
//                 Laplace's approximation of -2 log p(z | lambda) around x, sigma integrated out.
//                 MacKay, Neural Comput. 4 (1992) 415, doi:10.1162/neco.1992.4.3.415.
//   likelihood    the same with x_u and all unknowns, where it is exact (restricted maximum
//                 likelihood). Wahba, Ann. Statist. 13 (1985) 1378, doi:10.1214/aos/1176349743.
//   gcv           (|(1 - K) z|^2 / n) / (tr(1 - K) / n)^2. Golub, Heath, Wahba, Technometrics 21
//                 (1979) 215, doi:10.1080/00401706.1979.10489751.
//   modified gcv  tr(1 - rho K) in its place, rho = 1.3 for n < 50, otherwise 2. Kim, Gu, J. R.
//                 Statist. Soc. B 66 (2004) 337, doi:10.1046/j.1369-7412.2003.05316.x.
//   robust gcv    gcv (xi + (1 - xi) tr(K'K) / n), xi = 0.2 for n < 100, otherwise 0.3. Lukas,
//                 Inverse Problems 22 (2006) 1883, doi:10.1088/0266-5611/22/5/021.
//   L-curve       minus the curvature of (log |z - Ax_u|, log x_u'Mx_u / 2). Hansen, O'Leary, SIAM J.
//                 Sci. Comput. 14 (1993) 1487, doi:10.1137/0914086.
//   folds         the sum over folds of |z - Ax_u|^2 on the rows of the fold, x_u from all others.
//                 Free unknowns that only the fold can tell are fitted there.
//   discrepancy   |log(|z - Ax_u|^2 / (n noise^2))|. Morozov, Soviet Math. Dokl. 7 (1966) 414.
//
// All are ratios or differences of logarithms, so the choice depends on no unit. Most are compared
// for distributions of relaxation times by Maradesa, Py, Wan, Effat, Ciucci, J. Electrochem. Soc. 170
// (2023) 030502, doi:10.1149/1945-7111/acbca4.
#pragma once

#include "drtengine/ridge.hpp"

#include <vector>

namespace drtengine {

enum class Criterion : int {
  kEvidence,
  kLikelihood,
  kGcv,
  kModifiedGcv,
  kRobustGcv,
  kLCurve,
  kFolds,
  kDiscrepancy,
};

struct Selector {
  Criterion criterion = Criterion::kEvidence;
  // NOLINTBEGIN(readability-redundant-member-init): GCC asks for the initializers that clang finds redundant
  std::vector<int> fold = {};  // [row] which fold it belongs to, for kFolds: 0, 1, ...
  Vector noise = {};           // [spectrum] of a weighted row, for kDiscrepancy
  // NOLINTEND(readability-redundant-member-init)
};

struct Selection {
  Vector lambda;               // [spectrum]
  std::vector<Status> status;  // kLambdaAtBound where the score has no minimum inside the lattice
};

// The lowest score over `lattice` (increasing, evenly spaced in log lambda) and, if `refine`, a
// search between the neighbours of the best point. The evidence, which needs a non-negative
// solution for every lambda, is looked for from the choice of the likelihood.
Selection select_lambda(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                        const Selector& selector, bool refine, const SolveOptions& options);

// The score itself [spectrum, lambda]; NaN where it has no value.
RowMatrix lambda_scores(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                        const Selector& selector, const SolveOptions& options);

}  // namespace drtengine
