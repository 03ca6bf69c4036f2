// Symmetric block-tridiagonal systems whose blocks beside the diagonal are multiples of the identity:
//
//   H(v, v) = A_v,  H(v, v + 1) = H(v + 1, v) = -tie_v I.
//
// Eliminating from the left turns A_v into F_v = A_v - tie_{v-1}^2 F_{v-1}^-1, from the right into
// B_v = A_v - tie_v^2 B_{v+1}^-1. The blocks of the inverse of H follow without a dense product:
// H^-1(v, v) = (F_v - tie_v^2 B_{v+1}^-1)^-1, H^-1(v, v + 1) = tie_v F_v^-1 H^-1(v + 1, v + 1).
#pragma once

#include "drtengine/types.hpp"

#include <functional>
#include <vector>

namespace drtengine {

// Replaces a symmetric matrix, of which the lower triangle is read, by its inverse, both triangles. The
// size must be a multiple of 8. False, and the matrix lost, where it is not positive definite.
bool invert_symmetric(RowMatrix& matrix);

class Chain {
 public:
  // Sets the lower triangle of A_v, which comes filled with the identity: its size is n, padded.
  using FillBlock = std::function<void(Index v, RowMatrix& block)>;
  // Takes H^-1(v, v) and the trace of H^-1(v, v + 1), zero for the last v.
  using TakeBlock = std::function<void(Index v, const RowMatrix& inverse, double trace_to_next)>;

  Chain(Index n, Index count);

  // right_side [v, n] <- H^-1 right_side. False where H is not positive definite.
  bool solve(const Vector& tie, const FillBlock& fill, RowMatrix& right_side);

  // After solve, for the same H; from the last v to the first. False as above.
  bool invert(const Vector& tie, const FillBlock& fill, const TakeBlock& take);

 private:
  Index n_, size_, count_;
  std::vector<RowMatrix> from_left_;  // F_v^-1
};

}  // namespace drtengine
