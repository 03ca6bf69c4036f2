// H = A'W^2A + lambda M and its inverse for the spectra of one pool.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/lanes.hpp"
#include "drtengine/qp.hpp"
#include "drtengine/tile.hpp"

#include <array>

namespace drtengine {

// Weights and lambda are the same for all spectra.
class SharedFactor {
 public:
  // Throws NotPositiveDefinite.
  SharedFactor(const RowMatrix& gram, const RowMatrix& penalty, double lambda);

  double lambda() const { return lambda_; }
  const RowMatrix& H() const { return H_; }
  const TileFactor& H_tile() const { return H_tile_; }
  const TileFactor& G_tile() const { return G_tile_; }  // the inverse
  // Estimated error of x = Gg, relative to the largest x.
  double error() const { return error_; }

 private:
  double lambda_, error_ = 0;
  RowMatrix H_;
  TileFactor H_tile_, G_tile_;
};

// Every spectrum has weights, and perhaps a lambda, of its own: eight factorisations side by side.
class LaneFactor {
 public:
  LaneFactor(const Design& design, bool paired_weights);

  // w2[8, stride_w2] squared weights of the rows of A, lambda one for each.
  void factorize(const double* w2, Index stride_w2, const std::array<double, kTile>& lambda);

  const double* inverse(Index lane) const { return &G_[static_cast<std::size_t>(lane * n_ * stride_)]; }
  void multiply_inverse(const double* in, double* out) const;
  RowMatrix H(Index lane) const;
  double error(Index lane) const { return error_[static_cast<std::size_t>(lane)]; }  // NaN: not positive definite

 private:
  void form_gram(const double* w2, Index stride_w2, Index group);

  Index n_, stride_;
  bool paired_;
  RowMatrix products_;          // [weight, packed lower triangle] what each weight contributes to H
  RowMatrix penalty_;
  std::vector<double> H_;       // [packed lower triangle, lane]
  std::vector<double> G_;       // [lane, unknown, padded unknown]
  std::array<double, kTile> error_{};
  LaneSystems systems_;
};

}  // namespace drtengine
