// min x'Hx/2 - g'x subject to x_i >= 0 for the first n_constrained unknowns, for a pool of problems.
//
// Of the unknowns of a distribution of relaxation times only a few are zero at the solution, so
// the search runs over the multipliers of those. With G = H^-1 and the unconstrained solution
// x_u = Gg, a guess `a` of the active set (the zeros) gives
//   G_aa mu = -x_u[a],   x = x_u + G[:, a] mu,
// the solution if x >= 0 and mu >= 0; otherwise all offenders change sides at once (block
// principal pivoting: Judice, Pires, Comput. Oper. Res. 21 (1994) 587,
// doi:10.1016/0305-0548(94)90106-6; the first guess are the negative x_u). That can cycle when H
// is close to singular; `solve_monotone` cannot.
//
// The small systems of the pool's open problems are solved as many at once as a vector has lanes,
// systems of like size together. No problem's result depends on its company.
#pragma once

#include "drtengine/lanes.hpp"
#include "drtengine/tile.hpp"

#include <functional>
#include <vector>

namespace drtengine {

// Bit i stands for problem i of a pool.
using PoolMask = std::uint64_t;
inline constexpr Index kPool = 64;

inline constexpr PoolMask pool_mask(Index count) { return ~PoolMask{0} >> (kPool - count); }
inline constexpr bool contains(PoolMask mask, Index i) { return (mask >> i & 1) != 0; }

class PoolSolver {
 public:
  PoolSolver(Index n, Index n_constrained);

  // inverse[problem] points to G, n rows of padded(n) entries; often the same for all.
  // x[problem, padded(n)] holds the unconstrained solutions and is overwritten. Returns which
  // problems were solved; x of the others is infeasible.
  PoolMask solve(const std::vector<const double*>& inverse, double* x);

  // The Newton step within the active sets of the last solve: given d = Gr, r the gradient with
  // zeros in the active set, turns d[problem, padded(n)] into the step that keeps the active
  // unknowns at zero.
  void project(const std::vector<const double*>& inverse, double* d, PoolMask problems);

  // The zeros, sorted. Empty before the first solve.
  const std::vector<Index>& active(Index problem) const { return active_[static_cast<std::size_t>(problem)]; }

 private:
  void solve_multipliers(const std::vector<const double*>& inverse, const double* x, PoolMask problems);
  void fill_systems(const std::vector<const double*>& inverse, const double* x, std::size_t first, std::size_t count,
                    Index n);
  Index exchange(const double* x, double tolerance, Index problem);
  void widen_guess(const double* x, Index problem);
  void add_columns(const double* G, const double* base, Index problem, double* out) const;

  Index n_, n_constrained_, stride_;
  std::vector<std::vector<Index>> active_;
  std::vector<std::vector<double>> multiplier_;
  std::vector<double> unconstrained_;
  std::vector<Index> next_active_, by_size_;
  LaneSystems systems_;
};

// The same for one problem, by a primal active set that lowers the objective in every step.
// gradient(x) = g - Hx, which may be computed more accurately than from H. x is a start (negative
// entries are set to zero) and becomes the solution. Returns whether it converged.
bool solve_monotone(const RowMatrix& H, Index n_constrained, const std::function<Vector(const Vector&)>& gradient,
                    Vector& x);

}  // namespace drtengine
