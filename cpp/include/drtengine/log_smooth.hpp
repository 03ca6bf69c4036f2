// Distributions gamma = exp(u) that are smooth in ln gamma, for a batch of spectra on one grid.
//
// Positivity is built in, so that no peak appears where a linear fit would ring. First one
// precision serves all second differences of u; then each has its own, so that u may bend at a peak
// and be stiff elsewhere. Precisions and noise come from the evidence; see log_lanes.hpp.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/parallel.hpp"

#include <vector>

namespace drtengine {

// Scales squared weights to a geometric mean of one over the rows in use, so that the evidence of
// fits with other weights compares.
void normalize(Vector& w2);

struct LogSolutions {
  RowMatrix log_gamma;  // [spectrum, node] ln of gamma in ohm
  RowMatrix free;       // [spectrum, free unknown] R_inf, L_0, 1/C_0
  RowMatrix precision;  // [spectrum, node - 2] of the second differences
  Vector lambda;        // [spectrum] the one precision of the first fit
  Vector noise;         // [spectrum] sigma, in ohm where the weights have geometric mean one
  Vector dof;           // [spectrum] effective parameters
  Vector rss;           // [spectrum] weighted, ohm^2
  Vector evidence;      // [spectrum] ln, of the first fit
  Vector evidence_local;
  std::vector<std::int8_t> weighting;  // [spectrum] which weights were chosen
  std::vector<Status> status;
};

// Z [spectrum, 2 * frequency]. The nodes of the design's basis, piecewise linear, are h apart.
// `weights`: candidates, of which the evidence chooses one for each spectrum; see RowWeights.
LogSolutions fit_log(const Design& design, double h, ConstMatrixView Z, const std::vector<ConstMatrixView>& weights,
                     int n_threads, const KeepGoing& keep_going);

}  // namespace drtengine
