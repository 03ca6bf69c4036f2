// H = A'W^2A + lambda M and its inverse for the spectra of one pool.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/lanes.hpp"
#include "drtengine/qp.hpp"
#include "drtengine/tile.hpp"

#include <array>
#include <optional>

namespace drtengine {

// Weights that are the same for all spectra: WA = QR. The kernel is smooth, so that on a dense grid R has
// far fewer rows than A, and Q'Wz says all that a spectrum has to say.
struct SharedRows {
  SharedRows(const Design& design, const Vector& w2);

  RowMatrix WQ;    // empty where it would save nothing
  RowMatrix R;     // W^2A where WQ is empty
  RowMatrix gram;  // A'W^2A
};

// Weights and lambda are the same for all spectra.
class SharedFactor {
 public:
  // Throws NotPositiveDefinite.
  SharedFactor(const SharedRows& rows, const RowMatrix& penalty, double lambda);

  double lambda() const { return lambda_; }
  const double* H_rows() const { return H_.data(); }    // padded
  const TileFactor& G_tile() const { return G_tile_; }  // the inverse of H
  const float* rough_inverse() const { return rough_.data(); }
  // The unconstrained x[padded(count), padded unknown] of z[padded(count), row].
  void solve(const double* z, Index stride_z, Index count, double* x) const;
  // Estimated error of the unconstrained x, relative to the largest.
  double error() const { return error_; }

 private:
  double lambda_, error_ = 0;
  RowMatrix H_;
  TileFactor G_tile_;
  std::optional<TileFactor> compression_;
  TileFactor solution_;
  AlignedVector<float> rough_;
};

// Every spectrum has weights, and perhaps a lambda, of its own: factorisations side by side.
class LaneFactor {
 public:
  // At most so many at a time. What a weight adds to H is a megabyte to read: the more spectra it
  // is read for, the better, as long as their inverses stay in the cache.
  static constexpr Index kSpectra = 2 * kTile;

  LaneFactor(const Design& design, bool paired_weights);

  // w2[padded(count), stride_w2] squared weights of the rows of A, lambda one for each.
  void factorize(const double* w2, Index stride_w2, Index count, const std::array<double, kSpectra>& lambda);

  const double* inverse(Index lane) const { return &G_[static_cast<std::size_t>(lane * stride_ * stride_)]; }
  const float* rough_inverse(Index lane) const {
    return &rough_[static_cast<std::size_t>(lane * n_ * padded<float>(n_))];
  }
  void multiply_inverse(const double* in, Index count, double* out) const;
  const double* H_rows(Index lane);                                                  // padded
  double error(Index lane) const { return error_[static_cast<std::size_t>(lane)]; }  // NaN: not positive definite

 private:
  // Entry of the packed lower triangle of a group of lanes that lie side by side.
  double* H_entry(Index group, Index entry) {
    return &H_[static_cast<std::size_t>((group / kVecWidth * n_blocks_ * kGramBlock + entry) * kVecWidth)];
  }
  void form_gram(const double* w2, Index stride_w2, Index count);
  void unpack_inverse(Index group);

  // Entries of H summed at a time: as many accumulators as the registers hold.
  static constexpr Index kGramBlock = kVecWidth == 8 ? 24 : 12;

  Index n_, stride_;
  bool paired_;
  RowMatrix penalty_;
  Index n_weights_, n_blocks_;
  AlignedVector<double> products_;  // what each weight adds to H: [block of entries, weight, entry]
  AlignedVector<double> H_;         // [group, entry of the packed lower triangle, lane]
  AlignedVector<double> G_;         // [lane, unknown, padded unknown]
  AlignedVector<float> rough_;      // the same
  AlignedVector<double> H_rows_;    // of H, filled on demand
  std::array<double, kSpectra> error_{};
  LaneSystems systems_;
};

}  // namespace drtengine
