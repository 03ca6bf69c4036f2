// Bands for ln gamma that cover what they claim, and what noise does to integrals of gamma.
//
// The curve that is shown is smoothed too much to be the centre of a band: its bias is not small
// beside its scatter. So the band stands around a fit with less smoothing, lambda / kLess, with one
// step of bias correction, and is as wide as noise alone makes that estimate scatter. The noise
// follows sigma_k^2 ~ |Z_k|^{2b}, with b from the residuals.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/parallel.hpp"

#include <vector>

namespace drtengine {

enum class BandKind : int {
  kCalibrated,    // pointwise: covers as often as it says, on average over tau, for a gamma that is smooth
  kOneSided,      // never too narrow; about a fifth wider
  kSimultaneous,  // the whole curve at once
};

struct BandOptions {
  BandKind kind = BandKind::kCalibrated;
  double level = 0.95;      // of kSimultaneous; the others return standard deviations
  bool noise_model = true;  // b from the residuals; otherwise the weights tell the noise
  std::uint64_t seed = 0;   // of the draws that kSimultaneous needs
};

struct Bands {
  RowMatrix centre;      // [spectrum, node] of ln gamma
  RowMatrix deviation;   // [spectrum, node]
  RowMatrix integral;    // [spectrum, functional] at the fit with the likeliest smoothing
  RowMatrix u_integral;  // [spectrum, functional] their standard uncertainty
  Vector u_R_inf;        // [spectrum] NaN where the part has no R_inf
  Vector exponent;       // [spectrum] b
  Vector factor;         // [spectrum] half the width over the deviation, kSimultaneous; else NaN
  std::vector<Status> status;
};

// Z, weights and the design as for fit_log; `relief` [spectrum, row] lowers the weights of outliers as
// fit_log has found them, on top of weights and noise model; functionals [node, functional], integrals of gamma by the
// trapezoid rule.
Bands find_bands(const Design& design, double h, ConstMatrixView Z, ConstMatrixView weights, ConstMatrixView relief,
                 ConstMatrixView functionals, const BandOptions& options, int n_threads, const KeepGoing& keep_going);

}  // namespace drtengine
