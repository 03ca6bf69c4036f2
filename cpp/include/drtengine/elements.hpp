// Sums of Havriliak-Negami elements for a batch of spectra on one frequency grid.
//
// A sum crosses as a row of kMaxParameters numbers (see element_model.hpp), NaN for elements that
// are not there.
#pragma once

#include "drtengine/element_model.hpp"
#include "drtengine/parallel.hpp"

#include <span>
#include <vector>

namespace drtengine {

struct ElementsProblem {
  ConstVectorView omega;
  ConstMatrixView Z;        // [spectrum, 2 * frequency], Re and Im in turn
  ConstMatrixView weights;  // squared: [spectrum, frequency] or [spectrum, 2 * frequency] like Z
  bool inductance = false, capacitance = false;
  int n_threads = 1;
  KeepGoing keep_going;
};

struct SmoothEstimates {
  ConstVectorView log_tau;   // [node], increasing
  ConstMatrixView gamma;     // [spectrum, node]
  ConstVectorView R_inf;     // [spectrum]
  ConstVectorView evidence;  // [spectrum]; -infinity searches to the end
};

// NaN where status is not kOk.
struct Elements {
  RowMatrix parameters;        // [spectrum, parameter], SI units
  RowMatrix covariance;        // [spectrum, parameter * parameter]; zero for what was held or stands at a bound
  std::vector<Kind> kind;      // [spectrum * kMaxElements]
  std::vector<Index> count;    // [spectrum] elements
  Vector score, rss, sigma2;   // [spectrum]
  std::vector<Status> status;  // [spectrum]
};

Elements find_elements(const ElementsProblem& problem, const SmoothEstimates& smooth);

// What a profile needs of Elements.
struct FittedElements {
  ConstMatrixView parameters, covariance;
  std::span<const Kind> kind;
  ConstVectorView rss, sigma2;
};

// Where the profile of rss rises to (1 + rise) times its least: [spectrum, parameter] each. At a
// parameter's limit if rss does not rise so far; NaN for what is not free.
struct Profiles {
  RowMatrix low, high;
};
Profiles profile_elements(const ElementsProblem& problem, const FittedElements& fits, ConstVectorView rise);

// A function of tau with its standard uncertainty by linear propagation: [spectrum, point] each.
struct Curve {
  RowMatrix value, uncertainty;
};
Curve element_gamma(ConstMatrixView parameters, ConstMatrixView covariance, ConstVectorView log_tau);
// Integrals over log_low <= ln tau < log_high, lines and all.
Curve element_integrals(ConstMatrixView parameters, ConstMatrixView covariance, ConstVectorView log_low,
                        ConstVectorView log_high);

}  // namespace drtengine
