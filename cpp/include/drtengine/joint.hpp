// One estimate of gamma = exp(u) for all spectra of a series, smooth along ln tau and along the series.
//
// The objective of log_lanes.hpp summed over the spectra, plus the ties of series_prior.hpp. Each spectrum
// keeps its own data, noise and free unknowns; those are linear and are eliminated beforehand. All
// smoothing parameters come from the evidence. The Levenberg-Marquardt steps solve a block-tridiagonal
// system, see chain.hpp.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/parallel.hpp"

#include <vector>

namespace drtengine {

struct SeriesSpectrum {
  const Design* design = nullptr;  // those of a series share nodes and options, but not frequencies
  Vector z;                        // [row] ohm
  Vector w2;                       // [row] squared weights, of geometric mean one
};

// From independent fits, in the units of LogSolutions.
struct SeriesStart {
  ConstMatrixView log_gamma;
  ConstVectorView lambda, noise;
};

struct JointSolutions {
  RowMatrix log_gamma;    // [spectrum, node] ln of gamma in ohm
  RowMatrix u_log_gamma;  // [spectrum, node] its standard deviation
  RowMatrix free;         // [spectrum, free unknown] R_inf, L_0, 1/C_0
  Vector lambda;          // [spectrum] geometric mean of the precisions of the second differences
  Vector noise;           // [spectrum] sigma, in ohm where the weights have geometric mean one
  Vector tie;             // [interval] strength of the tie, relative to what the closeness asks for
  double eta = 0;         // the common strength of the ties; below one: there is nothing in common
  int steps = 0;
  std::vector<Status> status;  // [spectrum] kOk, or kUnconverged where gamma still moves
};

// `closeness` [interval]: the median distance along the series over that of the two spectra.
// The same bits whatever the number of threads.
JointSolutions fit_joint(const std::vector<SeriesSpectrum>& series, double h, ConstVectorView closeness,
                         const SeriesStart& start, int n_threads, const KeepGoing& keep_going);

}  // namespace drtengine
