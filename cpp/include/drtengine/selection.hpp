// lambda from the data.
//
// Generalised cross-validation: with K = A (A'A + lambda M)^-1 A' and n rows,
//   GCV(lambda) = (|(1 - K) z|^2 / n) / (tr(1 - K) / n)^2.
// Golub, Heath, Wahba, Technometrics 21 (1979) 215, doi:10.1080/00401706.1979.10489751.
// The score is a ratio, so its minimum does not depend on the unit of z.
#pragma once

#include "drtengine/ridge.hpp"

namespace drtengine {

struct Selection {
  Vector lambda;               // [spectrum]
  std::vector<Status> status;  // kLambdaAtBound where the score has no minimum inside the lattice
};

// The minimum of the score over `lattice` (increasing), evaluated at every point of it and, if
// `refine`, followed by a search between the neighbours of the best point.
Selection select_gcv(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                     bool refine, const SolveOptions& options);

// The score itself [spectrum, lambda].
RowMatrix gcv_scores(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                     const SolveOptions& options);

}  // namespace drtengine
