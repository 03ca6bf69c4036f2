// min x'Hx/2 - g'x subject to x_i >= 0 for the first n_constrained unknowns, for a pool of problems.
//
// The optimality conditions are a linear complementarity problem: y = q + Qv, and for constrained i
//   either v_i = 0 and y_i >= 0, or y_i = 0 and v_i >= 0,
// which can be posed from two sides:
//   zeros:    Q = G = H^-1, q = x_u = Gg. Then y = x, and v are the multipliers. Free unknowns have v = 0.
//   positive: Q = H,        q = -g.       Then v = x, and y is the gradient.   Free unknowns have y = 0.
// For a guess of the set s where v may differ from zero, Q_ss v = -q_s is a small system. Then all
// offenders against a sign change sides at once (block principal pivoting: Judice, Pires, Comput.
// Oper. Res. 21 (1994) 587, doi:10.1016/0305-0548(94)90106-6), or, where that goes round in
// circles, the worst alone. Few unknowns of a distribution of
// relaxation times are zero unless lambda is tiny, so the zeros are the cheaper side; the other is
// the more accurate one where H is close to singular. Pivoting can fail all the same; `solve_monotone` cannot.
//
// The small systems of the pool's open problems are solved as many at once as a vector has lanes,
// systems of like size together. Where few members change, a factor grows by rows for them instead of
// being made anew. No problem's result depends on its company.
#pragma once

#include "drtengine/growing.hpp"
#include "drtengine/tile.hpp"

#include <array>
#include <bit>
#include <functional>
#include <span>
#include <vector>

namespace drtengine {

// Bit i stands for problem i of a pool.
using PoolMask = std::uint64_t;
inline constexpr Index kPool = 64;

inline constexpr PoolMask pool_mask(Index count) { return ~PoolMask{0} >> (kPool - count); }
inline constexpr PoolMask pool_bit(Index i) { return PoolMask{1} << i; }
inline constexpr bool contains(PoolMask mask, Index i) { return (mask >> i & 1) != 0; }

template <class F>
void for_each(PoolMask problems, F&& f) {
  for (; problems != 0; problems &= problems - 1) f(static_cast<Index>(std::countr_zero(problems)));
}

enum class Side { kZeros, kPositive };

class PivotPool {
 public:
  // Matrices Q, one pointer a problem, have n rows of padded(n) entries; vectors lie padded(n) apart.
  using Matrices = std::vector<const double*>;

  PivotPool(Index n, Index n_constrained, Side side, bool keep_log_dets = false);

  // First guesses of s. From the unconstrained x: its negatives, or all but those.
  void guess_from(Index problem, const double* x);

  // The same from where the problem stands seen from the other side.
  void guess_from(Index problem, const PivotPool& other);

  // Below these, relative to the largest q and v, a sign means nothing.
  struct Tolerance {
    double y, v;
  };

  // y[problem, padded(n)] holds q and becomes q + Qv. Returns which of the problems were solved; the
  // others are infeasible.
  PoolMask solve(const Matrices& Q, double* y, const std::vector<Tolerance>& tolerance, PoolMask problems);

  // Solves Q_ss v = -q_s with the sets as they are.
  void solve_values(const Matrices& Q, const double* q, PoolMask problems);
  // out = base + Qv, zero in s, for one problem.
  void apply(const double* Q, const double* base, Index problem, double* out) const;

  // log det Q_ss of the set for another Q, written for each of the problems.
  void log_dets(const Matrices& Q, PoolMask problems, double* out);
  // The same for the Q of the values, where log determinants are kept.
  double log_det(Index problem) const { return log_det_[static_cast<std::size_t>(problem)]; }

  const std::vector<Index>& set(Index problem) const { return set_[static_cast<std::size_t>(problem)]; }
  const std::vector<double>& values(Index problem) const { return values_[static_cast<std::size_t>(problem)]; }

 private:
  struct Progress {
    double y_limit, v_tolerance;
    Index fewest;  // offenders
    int patience;
  };

  template <class Visit>
  void for_each_vector(PoolMask problems, Visit&& visit);
  void start_systems(const Matrices& Q, const double* q, std::span<const Index> side_by_side);
  void read_values(std::size_t lane, Index problem, bool in_order);
  void exchange(const double* y, double y_limit, double v_limit, Index problem);
  void exchange_worst(const double* Q, const double* y, Index problem);
  void append_rows(std::size_t lane, Index at, const double* Q, Index problem, bool first);
  PoolMask pivot(const Matrices& Q, double* y, std::span<const Index> side_by_side, int rounds);

  Index n_, n_constrained_, stride_;
  Side side_;
  bool keep_log_dets_;
  std::vector<std::vector<Index>> set_;      // [problem] sorted
  std::vector<std::vector<double>> values_;  // [problem] v on the set
  std::vector<double> q_, log_det_;
  std::vector<Progress> progress_;                             // [problem]
  GrowingSystems systems_;                                     // of the problems side by side, and in each lane
  std::array<std::vector<Index>, kVecWidth> member_;           // the unknown of a row
  std::array<std::vector<Index>, kVecWidth> place_;            // the row of a member of the set
  std::vector<Index> next_set_, origin_, entering_, leaving_;  // of an exchange
  Index n_entering_ = 0, n_leaving_ = 0;
  std::vector<Index> next_place_, by_size_;
};

// The same for one problem, by a primal active set that lowers the objective in every step.
// gradient(x) = g - Hx, which may be computed more accurately than from H. x is a start (negative
// entries are set to zero) and becomes the solution. Returns whether it converged.
bool solve_monotone(const RowMatrix& H, Index n_constrained, const std::function<Vector(const Vector&)>& gradient,
                    Vector& x);

}  // namespace drtengine
