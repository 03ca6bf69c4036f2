// min x'Hx/2 - g'x subject to x_i >= 0 for the first n_constrained unknowns, for a pool of problems.
//
// The optimality conditions are a linear complementarity problem: y = q + Qv, and for constrained i
//   either v_i = 0 and y_i >= 0, or y_i = 0 and v_i >= 0,
// which can be posed from two sides:
//   zeros:    Q = G = H^-1, q = x_u = Gg. Then y = x, and v are the multipliers. Free unknowns have v = 0.
//   positive: Q = H,        q = -g.       Then v = x, and y is the gradient.   Free unknowns have y = 0.
// For a guess of the set s where v may differ from zero, Q_ss v = -q_s is a small system. Then all
// offenders against a sign change sides at once (block principal pivoting: Judice, Pires, Comput.
// Oper. Res. 21 (1994) 587, doi:10.1016/0305-0548(94)90106-6), or, where that goes round in circles,
// the worst alone. Few unknowns of a distribution of relaxation times are zero unless lambda is tiny,
// so the zeros are the cheaper side; the other is the more accurate one where H is close to singular.
// Pivoting can fail all the same; `solve_monotone` (monotone.hpp) cannot.
//
// The small systems of the pool's open problems are solved as many at once as a vector has lanes,
// systems of like size together. Where few members change, a factor grows by rows for them instead of
// being made anew. No problem's result depends on its company.
//
// Which unknowns are zero can be found in single precision, at half the price, where Q is not close to
// singular. Then a pool in double precision that starts from there has one round to go.
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

// Below these, relative to the largest q and v, a sign means nothing.
struct PivotTolerance {
  double y, v;
};

template <class Real>
class PivotPool {
 public:
  // Matrices Q, one pointer a problem, have n rows of padded<Real>(n) entries; vectors lie as far apart.
  using Matrices = std::vector<const Real*>;

  PivotPool(Index n, Index n_constrained, Side side, bool keep_log_dets = false);

  // First guesses of s. From the unconstrained x, padded(n) entries: its negatives, or all but those.
  void guess_from(Index problem, const double* x);

  // The same from where another pool stands, perhaps on the other side.
  template <class Other>
  void guess_from(Index problem, const PivotPool<Other>& other) {
    take_bits(problem, other.bits(problem), other.side() == side_);
    set_raw(problem, contains(other.raw(), problem));
  }

  // y[problem, padded<Real>(n)] holds q and becomes q + Qv, zero in s. Returns which of the problems were solved; the
  // others are infeasible.
  PoolMask solve(const Matrices& Q, Real* y, const std::vector<PivotTolerance>& tolerance, PoolMask problems);

  // Solves Q_ss v = -q_s with the sets as they are, some problems at a time, as often as another(problems)
  // says that it has given some of them another q.
  void solve_values(const Matrices& Q, const Real* q, PoolMask problems,
                    const std::function<bool(std::span<const Index>)>& another);

  // log det Q_ss of the set for another Q, written for each of the problems.
  void log_dets(const Matrices& Q, PoolMask problems, double* out);
  // The same for the Q of the values, where log determinants are kept.
  double log_det(Index problem) const { return log_det_[static_cast<std::size_t>(problem)]; }

  Side side() const { return side_; }
  // Whose guess has not been worked on yet.
  PoolMask raw() const { return raw_; }
  std::span<const Index> set(Index problem) const {  // sorted
    return {&set_[static_cast<std::size_t>(problem * n_)], size_[static_cast<std::size_t>(problem)]};
  }
  std::span<const Real> values(Index problem) const {
    return {&values_[static_cast<std::size_t>(problem * stride_)], size_[static_cast<std::size_t>(problem)]};
  }
  // The set as bits, 64 unknowns a word.
  const std::uint64_t* bits(Index problem) const { return &bits_[static_cast<std::size_t>(problem * n_words_)]; }

 private:
  struct Progress {
    Real y_limit, v_tolerance;
    Index fewest;  // offenders
    int patience;
  };

  void set_raw(Index problem, bool raw) { raw_ = (raw_ & ~pool_bit(problem)) | (raw ? pool_bit(problem) : 0); }
  void take_bits(Index problem, const std::uint64_t* from, bool same_side);
  void list_members(Index problem);
  template <class Visit>
  void for_each_vector(PoolMask problems, Visit&& visit);
  void start_systems(const Matrices& Q, std::span<const Index> side_by_side);
  void set_right_sides(const Real* q, std::span<const Index> side_by_side);
  void read_values(std::size_t lane, Index problem, bool in_order);
  Index find_offenders(const Real* y, Index problem);
  void keep_worst_offender(const Real* Q, const Real* y, Index problem);
  Index count_offenders() const;
  void close_gaps(Index problem);
  void exchange(Index problem);
  bool offends(Index unknown) const {
    return (offenders_[static_cast<std::size_t>(unknown / 64)] >> unknown % 64 & 1) != 0;
  }
  void append_rows(std::size_t lane, Index at, const Real* Q, Index problem, bool first);
  PoolMask pivot(const Matrices& Q, Real* y, std::span<const Index> side_by_side, int pass);

  Index n_, n_constrained_, stride_, n_words_;
  Side side_;
  bool keep_log_dets_;
  PoolMask raw_ = 0;
  std::vector<std::uint64_t> constrained_, free_, offenders_, gaps_, bits_;  // [word], the last [problem, word]
  std::vector<std::size_t> size_;                                            // [problem] of the set
  std::vector<Index> set_;                                                   // [problem, member]
  AlignedVector<Real> values_;                                               // [problem, member] v
  AlignedVector<Real> q_;                                                    // [problem, padded unknown]
  std::vector<double> log_det_;                                              // [problem]
  std::vector<Progress> progress_;                                           // [problem]
  GrowingSystems<Real> systems_;                         // of the problems side by side, and in each lane
  std::vector<Index> members_;                           // at the start: [row, lane]
  std::array<std::vector<Index>, kLanes<Real>> member_;  // the unknown of a row
  std::array<std::vector<Index>, kLanes<Real>> place_;   // the row of a member of the set
  std::vector<Index> set_before_, next_place_;           // of an exchange
  std::vector<Index> n_of_size_, by_size_;               // of a counting sort
};

// Q for pools in single precision, in units of its largest diagonal entry: n rows of padded<float>(n).
void round_matrix(const double* Q, Index n, float* out);

// Better guesses for pools in double precision, found in single precision.
class RoughPivots {
 public:
  RoughPivots(Index n, Index n_constrained, Side side);

  // Q may be multiples of the pool's own; q [problem, padded(n)].
  void improve_guesses(PivotPool<double>& pool, const PivotPool<float>::Matrices& Q, const double* q,
                       PoolMask problems);

 private:
  Index n_;
  PivotPool<float> pool_;
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> y_;  // [problem, padded<float>(n)]
  std::vector<PivotTolerance> tolerance_;
};

}  // namespace drtengine
