// Causal models fitted to as many spectra at once as a vector register has lanes, and the test of
// what such a fit leaves.
//
// X = x_0 + j omega x_1 + x_2/(j omega) + sum of relaxations is linear in its elements. Its columns
// depend on the frequency grid alone, the weights 1/|X| on the spectrum. The columns are therefore
// made orthonormal once a grid; what the weights of a spectrum leave of that is a well-conditioned
// Gram matrix, and normal equations with one step of refinement are as good as QR. Where they are
// not (|X| over many decades), the spectrum gets orthonormal columns of its own.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/lanes.hpp"
#include "drtengine/types.hpp"

#include <array>
#include <vector>

namespace drtengine {

// Impedance: x_0 = R, x_1 = L, x_2 = 1/C, relaxations R_k/(1 + j omega tau_k).
// Admittance: x_0 = 1/R, x_1 = C, x_2 = 1/L, relaxations (1/R_k) j omega tau_k/(1 + j omega tau_k).
struct KkModel {
  Vector omega, tau;  // rad/s, s
  bool admittance = false, inductance = true, capacitance = true;
  Part part = Part::kBoth;
};

inline constexpr Index kKkFree = 3;  // elements before the relaxations

// The model in orthonormal columns. Rows are Re and Im of every point in turn.
class KkBasis {
 public:
  // The columns are orthonormal under the weights 1/modulus [point], or under ones if it is null.
  // Throws InvalidInput if there are more unknowns than rows.
  explicit KkBasis(const KkModel& model, const double* modulus = nullptr);

  Index points() const { return kernel_.rows() / 2; }
  Index size() const { return Q_.cols(); }
  Index elements() const { return kernel_.cols(); }
  Part part() const { return part_; }
  const RowMatrix& Q() const { return Q_; }                            // [row, column]
  const RowMatrix& kernel() const { return kernel_; }                  // [row, element]
  const RowMatrix& to_elements() const { return to_elements_; }        // upper triangular
  const std::vector<Index>& fitted() const { return fitted_; }         // elements that have a column
  const std::vector<Index>& completed() const { return completed_; }   // those of the part not fitted
  const AlignedVector<double>& products() const { return products_; }  // [block of entries, point, entry]

 private:
  void form_products();

  Part part_;
  RowMatrix kernel_, Q_, to_elements_;
  std::vector<Index> fitted_, completed_;
  AlignedVector<double> products_;
};

// Smooth remainders that no causal model explains: a drift in time, and turns of the phase by
// cos(k pi x), x the logarithm of the frequency from 0 to 1.
struct KkRemainder {
  Index n_cosines = 0;
  RowMatrix cosines;  // [point, k], twice as many as are in the model, for their products
  Index size() const { return n_cosines == 0 ? 0 : n_cosines + 1; }
};

KkRemainder remainder_of(const Vector& omega, Index n_cosines);

// One spectrum as it comes in: X as pairs [2 * point], weights relative to 1/|X| (null: ones; zero
// leaves a point out), and the time of each point from 0 to 1.
struct KkInput {
  const double* X = nullptr;
  const double* weights = nullptr;
  const double* time = nullptr;
};

class KkLanes {
 public:
  void take(const std::array<KkInput, kVecWidth>& spectra, Index n_points);

  // Least squares. Returns the lanes, as bits, whose equations were solved to working precision.
  unsigned fit(const KkBasis& basis);
  // After fit: appends the remainder, multiplied by the fitted X, to the model.
  void test(const KkBasis& basis, const KkRemainder& remainder);
  // After test: of every row in the whole fit.
  void find_leverage(const KkBasis& basis, const KkRemainder& remainder);

  double element(Index i, Index lane) const { return elements_[at(i) + u(lane)]; }
  double residual(Index row, Index lane) const { return residual_[at(row) + u(lane)]; }  // (X - fit)/|X|
  double rest(Index row, Index lane) const { return rest_[at(row) + u(lane)]; }          // of the whole fit
  double score(Index k, Index lane) const { return scores_[at(k) + u(lane)]; }           // white where X is valid
  double drift_scale(Index lane) const { return drift_scale_[u(lane)]; }  // score of the drift over drift a sweep
  double leverage(Index row, Index lane) const { return leverage_[at(row) + u(lane)]; }
  double squares(const AlignedVector<double>& rows, Index lane) const;  // weighted sum over rows
  const AlignedVector<double>& residuals() const { return residual_; }
  const AlignedVector<double>& rests() const { return rest_; }

 private:
  using Lanes = AlignedVector<double>;  // [item, lane]
  static std::size_t u(Index i) { return static_cast<std::size_t>(i); }
  static std::size_t at(Index i) { return u(i * kVecWidth); }

  void form_gram(const KkBasis& basis);
  void set_gram(LaneSystems& systems, Index n) const;
  void find_elements(const KkBasis& basis);
  void complete(const KkBasis& basis);
  void append_drift(const KkBasis& basis);
  void append_turns(const KkBasis& basis, const KkRemainder& remainder);
  void find_scores(const KkBasis& basis, const KkRemainder& remainder);
  void find_rest(const KkBasis& basis, const KkRemainder& remainder);

  Index n_points_ = 0;
  Lanes X_, inverse_, weights2_, w2_, time_;  // inverse_ = 1/|X|, w2_ = weights2_ / |X|^2
  Lanes gram_, left_, weighted_, projected_, x_, elements_, residual_;
  Lanes fitted_, column_, moments_, rest_, scores_, drift_scale_, row_, leverage_;
  LaneSystems systems_, extended_;
};

}  // namespace drtengine
