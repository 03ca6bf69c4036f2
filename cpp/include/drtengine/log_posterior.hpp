// The density that log_sampling draws from, for all chains of a spectrum at once.
#pragma once

#include "drtengine/chains.hpp"
#include "drtengine/dense.hpp"
#include "drtengine/log_lanes.hpp"
#include "drtengine/log_sampling.hpp"

#include <array>
#include <vector>

namespace drtengine {

using PerChain = std::array<double, kChains>;
using Panel = AlignedVector<double>;  // [coordinate, chain]

// The weighted least-squares problem of gamma [node], with the free unknowns at their best.
struct ReducedProblem {
  double rows = 0;      // with weight, less one for each free unknown
  double rss = 0;       // of gamma0, at least 0
  Vector gamma0;        // [node] where it is expanded about
  Vector gradient;      // half, of the residual sum of squares at gamma0
  RowMatrix curvature;  // half

  RowMatrix free_of_gamma;  // [free, node]
  Vector free0;             // free unknowns = free0 - free_of_gamma * (gamma - gamma0)
  Cholesky free_curvature;  // [free, free] half, of the residual sum of squares

  ReducedProblem(const Design& design, const LogFit& fit);
};

class LogPosterior {
 public:
  // `noise_rate` and `level` in the units of fit.z.
  LogPosterior(const ReducedProblem& problem, const LogFit& fit, double h, const LogPrior& prior);

  Index size() const { return n_; }
  Index panel_size() const { return padded_ * kChains; }

  // Changes the coordinates such that `draws` [node, draw] of z would have variance one also where they are widest,
  // and z with them. What was evaluated is void.
  void rescale(const Matrix& draws, Panel& z);

  // -ln p and its gradient, in the whitened coordinates z. Keeps what `log_gamma` and the like give.
  PerChain evaluate(const Panel& z, Panel& gradient);

  double log_gamma(Index node, Index chain) const { return f_[at(node, chain)]; }
  double rss(Index chain) const { return rss_[static_cast<std::size_t>(chain)]; }
  double squared_differences(Index chain) const { return roughness_[static_cast<std::size_t>(chain)]; }

 private:
  static std::size_t at(Index i, Index chain) { return static_cast<std::size_t>(i * kChains + chain); }

  void add_data(PerChain& potential, Panel& gradient);
  void add_prior(PerChain& potential, Panel& gradient);

  const ReducedProblem& problem_;
  Index n_, padded_;
  double h_;
  LogPrior prior_;
  RowMatrix whitening_, whitening_transposed_, curvature_;  // whole blocks of rows
  Vector mode_;
  Panel f_, gamma_, from_mode_, product_, slope_;
  PerChain rss_{}, roughness_{};
};

}  // namespace drtengine
