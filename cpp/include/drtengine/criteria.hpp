// Criteria that ask the modes alone: sums of b^2 with weights that depend on lambda, and traces.
#pragma once

#include "drtengine/modes.hpp"
#include "drtengine/selection.hpp"

#include <vector>

namespace drtengine {

// log det(lambda M) of the penalised unknowns, and what is needed to have it of some of them. Where M is singular, as
// for piecewise linear functions, what it leaves open is held by kWeakest of its mean diagonal.
class PriorVolume {
 public:
  static constexpr double kWeakest = 1e-10;

  explicit PriorVolume(const Design& design);
  Index size() const { return n_; }  // penalised unknowns
  double log_det(double lambda) const;
  // M and its inverse, padded; the free unknowns count for one.
  const RowMatrix& matrix() const { return matrix_; }
  const RowMatrix& inverse() const { return inverse_; }

 private:
  double log_det_M_;
  Index n_;
  RowMatrix matrix_, inverse_;
};

// A criterion on a lattice of lambda, for tiles of spectra.
class LatticeCriterion {
 public:
  // The likelihood needs the prior.
  LatticeCriterion(const Modes& modes, ConstVectorView lattice, Criterion criterion, const PriorVolume* prior);

  // scores[spectrum, lambda]
  void scores(const Amplitudes& amplitudes, const double* noise, Index count, RowMatrix& scores) const;
  // At a lambda that need not be on the lattice.
  double score(const Amplitudes& amplitudes, const double* noise, Index spectrum, double lambda) const;

 private:
  static constexpr Index kMaxSums = 4;

  RowMatrix weights(double lambda) const;
  double constant(double lambda) const;
  struct Data {
    double rest, total, noise;
  };
  void evaluate(Index n, const double* const* sums, const double* constants, const Data& data, double* out) const;

  const Modes& modes_;
  Criterion criterion_;
  const PriorVolume* prior_;
  Index n_sums_;
  Vector constants_;                 // [lambda] what the trace or the determinants make of it
  std::vector<TileFactor> weights_;  // [sum]: what b^2 is multiplied with [mode, lambda]
};

}  // namespace drtengine
