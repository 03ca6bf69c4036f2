// Criteria that ask the modes alone: sums of b^2 with weights that depend on lambda, and traces.
#pragma once

#include "drtengine/modes.hpp"
#include "drtengine/selection.hpp"

#include <array>

namespace drtengine {

// log det(lambda M) of the penalised unknowns, and what is needed to have it of some of them. Where M is singular, as for
// piecewise linear functions, what it leaves open is held by kWeakest of its mean diagonal.
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

class ModeCriterion {
 public:
  static constexpr Index kMaxSums = 4;
  using Sums = std::array<double, kMaxSums>;

  // The likelihood needs the prior.
  ModeCriterion(const Modes& modes, Criterion criterion, const PriorVolume* prior);

  Index n_sums() const { return n_sums_; }
  // What b^2 is multiplied with in each of the sums [mode, sum].
  RowMatrix weights(double lambda) const;
  // What depends on lambda alone: traces and determinants.
  struct Constants {
    double trace, square_trace, information;
  };
  Constants constants(double lambda) const;
  double score(const Constants& constants, const Sums& sums, double rest, double total, double noise) const;

 private:
  const Modes& modes_;
  Criterion criterion_;
  Index n_sums_;
  const PriorVolume* prior_;
};

// A mode criterion on a lattice, for tiles of spectra.
class LatticeCriterion {
 public:
  LatticeCriterion(const Modes& modes, ConstVectorView lattice, Criterion criterion, const PriorVolume* prior);

  Index size() const { return static_cast<Index>(constants_.size()); }
  // scores[spectrum, lambda]
  void scores(const Amplitudes& amplitudes, const double* noise, Index count, RowMatrix& scores) const;
  double score(const Amplitudes& amplitudes, const double* noise, Index spectrum, double lambda) const;

 private:
  ModeCriterion criterion_;
  std::vector<ModeCriterion::Constants> constants_;  // [lambda]
  std::vector<TileFactor> weights_;                  // [sum]: [mode, lambda]
};

}  // namespace drtengine
