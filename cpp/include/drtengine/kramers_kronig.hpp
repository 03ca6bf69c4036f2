// Lin-KK for a batch of spectra on one frequency grid: B. A. Boukamp, J. Electrochem. Soc. 142, 1885
// (1995), doi:10.1149/1.2044210; M. Schönleber, D. Klotz, E. Ivers-Tiffée, Electrochim. Acta 131, 20
// (2014), doi:10.1016/j.electacta.2014.01.034.
#pragma once

#include "drtengine/kk_lanes.hpp"
#include "drtengine/parallel.hpp"
#include "drtengine/types.hpp"

#include <vector>

namespace drtengine {

// Spectra on the grid of a model; complex numbers as pairs of columns.
struct KkBatch {
  ConstMatrixView X;        // [spectrum, 2 * point], impedance or admittance; not zero
  ConstMatrixView weights;  // relative to 1/|X|: [0, 0] for ones, or [spectrum, point]; zero leaves out
  ConstMatrixView time;     // from 0 to 1: [1 or spectrum, point]
  int n_threads = 1;
  KeepGoing keep_going;
};

struct KkFits {
  RowMatrix elements;   // [spectrum, element] in the model's order, SI units
  RowMatrix residual;   // [spectrum, 2 * point], (X - fit)/|X|
  RowMatrix rest;       // the same after the remainder took its part, or [0, 0]
  RowMatrix scores;     // [spectrum, 1 + cosine], or [0, 0]
  Vector rest_squares;  // [spectrum] weighted sum over `rest`, or over `residual`
  Vector drift_scale;   // [spectrum] score of the drift for a change by all of X in a sweep
  RowMatrix leverage;   // [spectrum, 2 * point] in the whole fit, or [0, 0]
  std::vector<Status> status;
};

// n_cosines > 0 also tests the residual for smooth remainders. Throws InvalidInput if there are more
// unknowns than data.
KkFits fit_lin_kk(const KkModel& model, const KkBatch& batch, Index n_cosines, bool leverage);

struct KkScan {
  RowMatrix mu, chi2;  // [spectrum, number of relaxations - 1]; NaN beyond the last one tried
  RowMatrix elements;  // [spectrum, element] of the last one, or [spectrum, number * element] of all; NaN elsewhere
  RowMatrix residual;  // of the last one
  std::vector<Status> status;
};

// One relaxation, two, three, ... `most`, their tau from lowest to highest on a logarithmic scale, until
// mu <= stop_at. With keep_all nothing stops before `most`.
KkScan scan_lin_kk(KkModel model, double lowest_tau, double highest_tau, Index most, double stop_at, bool keep_all,
                   const KkBatch& batch);

// 1 - (sum of the negative relaxations)/(sum of the positive ones), 0 where there is no positive one.
double mu_of(const double* relaxations, Index count);

}  // namespace drtengine
