// Fits of gamma = exp(u), u smooth, as many spectra side by side as a vector register has lanes.
//
// Minimises  sum_r w_r^2 (z_r - (A y)_r)^2 / sigma^2 + sum_j s_j (Du)_j^2 + e(u),  y = (exp u, free),
// over u [node] and the free unknowns by Levenberg-Marquardt steps. D takes second differences over
// ln tau, divided by h^{3/2}; e pulls the slopes at the two ends, where there are no data, to
// +-kEndSlope: without it gamma far to the left trades with R_inf. Between steps sigma^2 and the precisions s_j are set
// from the data by fixed-point rules for the maximum of the Laplace evidence (MacKay, Neural Comput. 4 (1992) 415,
// doi:10.1162/neco.1992.4.3.415), all s_j alike or each by the differences around it.
//
// No fit depends on its company: a lane takes the next one when it has finished the last.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/lanes.hpp"

#include <array>
#include <vector>

namespace drtengine {

// A closed spectrum falls off to both sides about like this, d ln(gamma) / d ln(tau), give or take the error.
inline constexpr double kEndSlope = 0.8, kEndSlopeError = 0.5;
inline constexpr double kEndPrecision = 1 / (kEndSlopeError * kEndSlopeError);
// Precision of u about the mean of its start: gamma may vanish, and H stays definite.
inline constexpr double kAnchor = 1e-6;

// Values averaged over neighbouring nodes with Gaussian weights, before local precisions are made of them;
// beyond the ends the last value goes on.
std::vector<double> smoothed(const std::vector<double>& values);

enum class Precisions { kCommon, kLocal, kFixed };

// One fit: what goes in, and its state, which is the start before and the result after.
struct LogFit {
  const double* z = nullptr;   // [row], of order one
  const double* w2 = nullptr;  // [row], squared weights, zero where a row is not used
  Precisions precisions = Precisions::kCommon;

  std::vector<double> theta;      // [unknown] u, then the free unknowns
  std::vector<double> precision;  // [node - 2] s_j
  double noise2 = 0;              // sigma^2; 0: from the start. With kFixed it stays as it is

  double rows = 0;      // with weight
  double rss = 0;       // weighted
  double dof = 0;       // effective number of parameters
  double evidence = 0;  // its logarithm
  int steps = 0;
  bool converged = false, failed = false;
};

// A start with a flat gamma that is worth the change of Z' (or of Z'', where only that is fitted).
// z and w2 must outlive the fit.
LogFit flat_start(const Design& design, double h, const Vector& z, const Vector& w2);

// Scales squared weights to a geometric mean of one over the rows in use, so that the evidence of
// fits with other weights compares.
void normalize_weights(Vector& w2);

// gamma at the nodes, then the free unknowns.
Vector amplitudes(const LogFit& fit, Index n_nodes);

// The matrix of the part of the objective that depends on u alone, [node, node], for these
// precisions, and its gradient at u.
RowMatrix roughness_matrix(const std::vector<double>& precision, double h);
Vector roughness_gradient(const std::vector<double>& precision, double h, const Vector& u);

class LogLanes {
 public:
  // A [row, unknown]; the first n_nodes columns multiply exp(u), whose nodes are h apart.
  LogLanes(const RowMatrix& A, Index n_nodes, double h);

  void run(std::vector<LogFit>& fits);

 private:
  using Lanes = AlignedVector<double>;  // [entry, lane]
  using PerLane = std::array<double, kVecWidth>;

  struct Lane {
    LogFit* fit = nullptr;  // null: idle
    double damping = 0;
    bool last_pass = false;  // without damping or step, for the evidence
  };

  void start(Index lane, LogFit& fit);
  void form_gram(Index lane, const double* w2);
  void evaluate(const Lanes& theta, Lanes& y, Lanes& residual) const;
  Vec rss(const Lanes& residual) const;
  Vec penalty(const Lanes& theta) const;
  void assemble();
  void find_band_of_inverse();
  void step();
  void adapt(Index lane, bool accepted, double rss);
  double largest_gamma(Index lane) const;
  double largest_change(Index lane) const;
  double allowed_fraction(Index lane);
  double move_that_matters(Index lane);
  double adapt_common(Index lane);
  double adapt_local(Index lane);
  double degrees_of_freedom(Index lane) const;
  void finish(Index lane, double log_determinant, double objective, double rss);

  Vec difference(const Lanes& theta, Index j) const;  // (Du)_j
  double difference(Index lane, Index j) const;
  double difference_variance(Index lane, Index j) const;  // of it, by the inverse of H
  static Vec at(const Lanes& lanes, Index i) { return load(lanes.data() + i * kVecWidth); }
  static void set(Lanes& lanes, Index i, Vec v) { store(lanes.data() + i * kVecWidth, v); }
  static void put(Lanes& lanes, Index i, Index lane, double value) {
    lanes[static_cast<std::size_t>(i * kVecWidth + lane)] = value;
  }
  static double one(const Lanes& lanes, Index i, Index lane) {
    return lanes[static_cast<std::size_t>(i * kVecWidth + lane)];
  }

  RowMatrix A_, At_;  // rows padded
  Index n_, n_nodes_, n_rows_;
  double h_, per_difference_, log_det_DDt_;
  LaneSystems systems_;
  Lanes z_, w2_, gram_, theta_, trial_, y_, residual_, trial_residual_, gradient_, precision_, added_to_diagonal_;
  std::array<Lanes, 3> band_;  // entries (i, i + k) of the inverse of H
  PerLane noise2_, smallest_noise2_{}, damping_{}, anchor_{};
  std::array<Lane, kVecWidth> lanes_;
};

}  // namespace drtengine
