// Tikhonov-regularised inversion of a batch of spectra on one frequency grid, gamma >= 0 or free.
//
// Spectra go through in tiles of eight that share one lambda, so that a factorisation serves many.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/parallel.hpp"

#include <vector>

namespace drtengine {

struct SolveOptions {
  bool nonneg = true;
  bool own_weights = false;  // a single row of weights belongs to the single spectrum, see RowWeights
  int n_threads = 1;
  KeepGoing keep_going;
};

// Rows are NaN where status is neither kOk nor kLambdaAtBound.
struct Solutions {
  RowMatrix coefficients;      // [spectrum, basis function]
  RowMatrix free;              // [spectrum, free unknown], SI units
  RowMatrix values;            // [spectrum, output], the coefficients times `outputs`
  Vector error;                // [spectrum] estimated numerical error of x, relative to the largest
  std::vector<Status> status;  // [spectrum]
};

// Z[spectrum, 2 * frequency] holds Re and Im in turn; lambda is one number or one a spectrum;
// weights as in RowWeights. outputs[basis function, output] are linear maps of the coefficients
// to be evaluated on the way, such as gamma at the nodes and its integral.
Solutions solve_ridge(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                      ConstMatrixView outputs, const SolveOptions& options);

}  // namespace drtengine
