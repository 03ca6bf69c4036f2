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

class GrowingSystems {
 public:
  // Begins with n rows, which must all be set; those that fill the last block are of the identity.
  void start(Index n);
  // Adds rows of the identity, with a zero on the right: `count` rounded up to whole blocks.
  void grow(Index count);

  Index size() const { return n_; }
  // Of the rows added last: column j <= i of row i, its right side, and the sign it has in S.
  double* entry(Index i, Index j) { return data_.data() + place(i, j) * kVecWidth; }
  double* right_side(Index i) { return right_side_.data() + i * kVecWidth; }
  double* sign(Index i) { return sign_.data() + i * kVecWidth; }

  void factorize();  // the rows added since it was called last; NaN in lanes where a sign is wrong
  void solve();      // for the whole
  const double* solution(Index i) const { return solution_.data() + i * kVecWidth; }
  double log_det(std::size_t lane) const;  // log |det A|

 private:
  void resize(Index n);
  void fill_rows(Index begin);
  static Index place(Index i, Index j);
  Vec at(Index i, Index j) const { return load(data_.data() + place(i, j) * kVecWidth); }
  Block reduced(Index i0, Index j0);
  void factorize_diagonal(Index i0, const Vec* s);
  void solve_forward(Index i0);

  Index n_ = 0, n_done_ = 0, n_start_ = 0;  // rows in all, factorised, and of the start
  std::vector<double> data_;                // rows of L, each block of rows up to its diagonal, which is kept inverted
  std::vector<double> right_side_, sign_, solution_;
};

}  // namespace drtengine
