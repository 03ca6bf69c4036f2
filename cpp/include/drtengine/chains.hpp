// How well Markov chains have mixed, and what they say: shared by the samplers.
#pragma once

#include "drtengine/parallel.hpp"
#include "drtengine/random.hpp"

#include <vector>

namespace drtengine {

// Draws stand in rows, those of the chains in turn: row 0 is the first draw of the first chain, row 1 the first of
// the second. Columns are quantities.
inline constexpr Index kChains = 8;

struct SamplingOptions {
  Index n_draws = 3000;                 // of all chains together
  double lower = 0.025, upper = 0.975;  // quantiles
  bool keep = false;                    // the draws themselves
  std::uint64_t seed = 0;
  int n_threads = 1;
  KeepGoing keep_going;

  Index rounds() const { return (n_draws + kChains - 1) / kChains; }
};

// Split R-hat, and the effective number of draws from the autocorrelations of all chains, summed as long as pairs
// are positive and fall: Gelman et al., Bayesian Data Analysis (3rd ed.), 11.4 and 11.5; Geyer,
// doi:10.1214/ss/1177011137.
struct Mixing {
  double ess, r_hat;
};
Mixing mixing(ConstVectorView draws);  // [round * kChains]

// The same of every column [draw, quantity].
std::vector<Mixing> mixing_of_columns(const RowMatrix& draws);

// Below this number of effective draws, or above this R-hat, chains should have run longer (Vehtari et al.,
// doi:10.1214/20-BA1221).
inline constexpr double kEnoughDraws = 400, kMixed = 1.01;
bool has_mixed(const std::vector<Mixing>& columns);

// Of every spectrum. NaN where status is not kOk.
struct Samples {
  RowMatrix low, high;           // [spectrum, quantity]
  RowMatrix mean, deviation;     // [spectrum, quantity]
  RowMatrix curves;              // [spectrum * draw, node] gamma; empty unless kept
  RowMatrix numbers;             // [spectrum * draw, quantity - node]; empty unless kept
  Vector ess_least, ess_median;  // [spectrum] over the nodes: effective number of draws
  Vector r_hat;                  // [spectrum] the largest
  Vector acceptance;             // [spectrum]
  std::vector<std::int32_t> divergences;
  std::vector<Status> status;

  Samples(Index n_spectra, Index n_nodes, Index n_quantities, const SamplingOptions& options);

  // Takes in the draws [draw, quantity] of one spectrum, the nodes' columns first, and how well these have mixed.
  void put(Index spectrum, const RowMatrix& draws, const std::vector<Mixing>& nodes, const SamplingOptions& options);
};

// The quantile of sorted or unsorted values, linear between them; reorders them.
double quantile(Vector& values, double probability);

}  // namespace drtengine
