// Small symmetric positive definite systems, as many at once as a vector register has lanes.
//
// Entry (i, j) of all systems stands in one vector, so every operation below runs on all of them
// at the price of one. A system that is not positive definite turns into NaN in its own lane.
#pragma once

#include "drtengine/types.hpp"
#include "drtengine/vec.hpp"

#include <vector>

namespace drtengine {

class LaneSystems {
 public:
  // Systems of n unknowns each; entries are left as they are, and all of them must be set.
  void resize(Index n);

  Index size() const { return n_; }                                                    // n, rounded up to whole blocks
  double* entry(Index i, Index j) { return data_.data() + (i * n_ + j) * kVecWidth; }  // i >= j
  double* right_side(Index i) { return right_side_.data() + i * kVecWidth; }

  void factorize();      // A = LL', in place
  void solve();          // right_side <- (LL')^-1 right_side
  Vec log_det();         // of A, after factorize
  void invert_factor();  // after factorize: L becomes its inverse
  void invert();         // after factorize: entry(i, j), i >= j, becomes the inverse of A

 private:
  Vec at(Index i, Index j) const { return load(data_.data() + (i * n_ + j) * kVecWidth); }
  void set(Index i, Index j, Vec v) { store(entry(i, j), v); }
  template <class Entries>
  void put(Index i0, Index j0, const Entries& block, bool lower_only);

  Index n_ = 0;
  AlignedVector<double> data_, right_side_;  // the diagonal of L is kept inverted
};

}  // namespace drtengine
