// Small symmetric systems that grow by rows, as many at once as a vector register has lanes.
//
// A = LSL' with S = +-1: a positive definite matrix, bordered by rows that may be indefinite. So an
// unknown can be taken out again without touching the factor: to a row of the identity with a zero on
// the diagonal belongs the multiplier that holds the unknown at zero. The result of a lane depends on
// its own rows alone, also where rows of the identity fill it up to the length of its neighbours.
#pragma once

#include "drtengine/lane_block.hpp"
#include "drtengine/types.hpp"

#include <vector>

namespace drtengine {

template <class Real>
class GrowingSystems {
 public:
  // Begins with n rows, which must all be set; those that fill the last block are of the identity.
  void start(Index n);
  // Adds rows of the identity, with a zero on the right: `count` rounded up to whole blocks.
  void grow(Index count);

  Index size() const { return n_; }
  // Of the rows added last: column j <= i of row i, its right side, and the sign it has in S.
  Real* entry(Index i, Index j) { return data_.data() + place(i, j) * kWidth; }
  Real* right_side(Index i) { return right_side_.data() + i * kWidth; }
  Real* sign(Index i) { return sign_.data() + i * kWidth; }

  void factorize();   // the rows added since it was called last; NaN in lanes where a sign is wrong
  void solve();       // for the whole
  void solve_anew();  // the same for other right sides
  const Real* solution(Index i) const { return solution_.data() + i * kWidth; }
  double log_det(std::size_t lane) const;  // log |det A|

 private:
  using V = VecOf<Real>;
  static constexpr Index kWidth = kLanes<Real>;

  void resize(Index n);
  void fill_rows(Index begin);
  // In vectors: all blocks of rows before, then the rows before in its own.
  static Index place(Index i, Index j) {
    const Index block = i / kBlock;
    return kBlock * (kBlock * block * (block + 1) / 2 + i % kBlock * (block + 1)) + j;
  }
  V at(Index i, Index j) const { return load(data_.data() + place(i, j) * kWidth); }
  Block<Real> reduced(Index i0, Index j0);
  void factorize_diagonal(Index i0, const V* s);
  void solve_forward(Index i0);

  Index n_ = 0, n_done_ = 0, n_start_ = 0;  // rows in all, factorised, and of the start
  AlignedVector<Real> data_;                // rows of L, each block of rows up to its diagonal, which is kept inverted
  AlignedVector<Real> right_side_, sign_, solution_;
};

}  // namespace drtengine
