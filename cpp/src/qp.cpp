#include "drtengine/qp.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr int kPatience = 12;          // rounds without fewer offenders before block pivoting gives up
constexpr double kWiden = 0.1;         // of the largest unknown: what counts as small beside a negative one
constexpr int kMaxRefinements = 4;
constexpr double kTolerance = 1e-13;   // of the largest unknown: below this a sign means nothing

double max_abs(const double* x, Index n) {
  return n == 0 ? 0 : Eigen::Map<const Vector>(x, n).cwiseAbs().maxCoeff();
}

}  // namespace

PoolSolver::PoolSolver(Index n, Index n_constrained)
    : n_(n),
      n_constrained_(n_constrained),
      stride_(padded(n)),
      active_(kPool),
      multiplier_(kPool, std::vector<double>(static_cast<std::size_t>(n))),
      unconstrained_(static_cast<std::size_t>(kPool * stride_)),
      next_active_(static_cast<std::size_t>(n)) {}

// Solves G_aa mu = -x[a] for each problem, kVecWidth of them side by side.
void PoolSolver::solve_multipliers(const std::vector<const double*>& inverse, const double* x, PoolMask problems) {
  by_size_.clear();
  for (; problems != 0; problems &= problems - 1) {
    const Index problem = std::countr_zero(problems);
    if (!active(problem).empty()) by_size_.push_back(static_cast<Index>(active(problem).size()) * kPool + problem);
  }
  std::ranges::sort(by_size_);
  for (Index& entry : by_size_) entry %= kPool;

  for (std::size_t first = 0; first < by_size_.size(); first += kVecWidth) {
    const std::size_t count = std::min<std::size_t>(kVecWidth, by_size_.size() - first);
    const auto n = static_cast<Index>(active(by_size_[first + count - 1]).size());
    systems_.resize(n);
    fill_systems(inverse, x, first, count, n);
    systems_.factorize();
    systems_.solve();
    for (std::size_t lane = 0; lane < count; ++lane) {
      const Index problem = by_size_[first + lane];
      auto& mu = multiplier_[static_cast<std::size_t>(problem)];
      for (std::size_t i = 0; i < active(problem).size(); ++i) {
        mu[i] = systems_.right_side(static_cast<Index>(i))[lane];
      }
    }
  }
}

// Lane by lane G_aa and -x[a] of the problems by_size_[first...]; shorter systems are filled up with
// the identity.
void PoolSolver::fill_systems(const std::vector<const double*>& inverse, const double* x, std::size_t first,
                              std::size_t count, Index n) {
  const Index* active_here[kVecWidth];
  const double *G[kVecWidth], *right[kVecWidth];
  Index size[kVecWidth] = {};
  for (std::size_t lane = 0; lane < count; ++lane) {
    const Index problem = by_size_[first + lane];
    active_here[lane] = active(problem).data();
    size[lane] = static_cast<Index>(active(problem).size());
    G[lane] = inverse[static_cast<std::size_t>(problem)];
    right[lane] = x + problem * stride_;
  }
  for (Index i = 0; i < n; ++i) {
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      double* entry = systems_.entry(i, 0) + lane;
      if (i < size[lane]) {
        const Index* a = active_here[lane];
        const double* row = G[lane] + a[i] * stride_;
        for (Index j = 0; j <= i; ++j) entry[j * kVecWidth] = row[a[j]];
        systems_.right_side(i)[lane] = -right[lane][a[i]];
      } else {
        for (Index j = 0; j < i; ++j) entry[j * kVecWidth] = 0;
        entry[i * kVecWidth] = 1;
        systems_.right_side(i)[lane] = 0;
      }
    }
  }
}

// out = base + G[:, a] mu, zero where active
void PoolSolver::add_columns(const double* G, const double* base, Index problem, double* out) const {
  const auto& a = active(problem);
  add_rows(base, G, stride_, a.data(), multiplier_[static_cast<std::size_t>(problem)].data(),
           static_cast<Index>(a.size()), out);
  for (const Index i : a) out[i] = 0;
}

// Replaces the active set by one with all offenders on the other side and returns their number.
Index PoolSolver::exchange(const double* x, double tolerance, Index problem) {
  auto& a = active_[static_cast<std::size_t>(problem)];
  const double* mu = multiplier_[static_cast<std::size_t>(problem)].data();
  const Vec limit = broadcast(-tolerance);
  const double mu_limit = -kTolerance * max_abs(mu, static_cast<Index>(a.size()));
  Index offenders = 0;
  std::size_t seen = 0;  // members of the old active set passed so far
  Index* next = next_active_.data();
  const auto keep_members_before = [&](Index end) {
    for (; seen < a.size() && a[seen] < end; ++seen) {
      const bool leaves = mu[seen] < mu_limit;
      *next = a[seen];
      next += !leaves;
      offenders += leaves;
    }
  };
  for (Index begin = 0; begin < n_constrained_; begin += kVecWidth) {
    unsigned negative = less_mask(load(x + begin), limit);
    if (n_constrained_ - begin < kVecWidth) negative &= (1u << (n_constrained_ - begin)) - 1;
    for (; negative != 0; negative &= negative - 1) {
      const Index i = begin + std::countr_zero(negative);
      keep_members_before(i);
      *next++ = i;
      ++offenders;
    }
  }
  keep_members_before(n_);
  a.assign(next_active_.data(), next);
  return offenders;
}

// Neighbouring unknowns belong to overlapping functions: next to a negative one, a small one is
// likely to turn negative as well. This saves about one round in six.
void PoolSolver::widen_guess(const double* x, Index problem) {
  auto& a = active_[static_cast<std::size_t>(problem)];
  const double small = kWiden * Eigen::Map<const Vector>(x, n_constrained_).maxCoeff();
  Index* next = next_active_.data();
  Index last = -1;
  const auto add_once = [&](Index i) {
    if (i <= last || i >= n_constrained_ || x[i] >= small) return;
    *next++ = last = i;
  };
  for (const Index i : a) {
    add_once(i - 1);
    add_once(i);
    add_once(i + 1);
  }
  a.assign(next_active_.data(), next);
}

PoolMask PoolSolver::solve(const std::vector<const double*>& inverse, double* x) {
  const auto count = static_cast<Index>(inverse.size());
  std::copy(x, x + count * stride_, unconstrained_.begin());
  struct Progress {
    double tolerance;
    Index fewest = std::numeric_limits<Index>::max();  // offenders
    int patience = kPatience;
  };
  std::array<Progress, kPool> progress;
  for (Index problem = 0; problem < count; ++problem) {
    active_[static_cast<std::size_t>(problem)].clear();
    progress[static_cast<std::size_t>(problem)].tolerance = kTolerance * max_abs(x + problem * stride_, n_constrained_);
  }
  PoolMask solved = 0;
  bool first_guess = true;
  for (PoolMask open = pool_mask(count); open != 0; first_guess = false) {
    for (PoolMask rest = open; rest != 0; rest &= rest - 1) {
      const Index problem = std::countr_zero(rest);
      Progress& own = progress[static_cast<std::size_t>(problem)];
      const Index offenders =
          exchange(x + problem * stride_, own.tolerance, problem);
      own.patience = offenders < own.fewest ? kPatience : own.patience - 1;
      own.fewest = std::min(offenders, own.fewest);
      if (first_guess && offenders > 0) widen_guess(x + problem * stride_, problem);
      if (offenders == 0) solved |= PoolMask{1} << problem;
      if (offenders == 0 || own.patience < 0) open &= ~(PoolMask{1} << problem);
    }
    solve_multipliers(inverse, unconstrained_.data(), open);
    for (PoolMask rest = open; rest != 0; rest &= rest - 1) {
      const Index problem = std::countr_zero(rest);
      add_columns(inverse[static_cast<std::size_t>(problem)], unconstrained_.data() + problem * stride_, problem,
                  x + problem * stride_);
    }
  }
  return solved;
}

void PoolSolver::project(const std::vector<const double*>& inverse, double* d, PoolMask problems) {
  solve_multipliers(inverse, d, problems);
  for (; problems != 0; problems &= problems - 1) {
    const Index problem = std::countr_zero(problems);
    double* own = d + problem * stride_;
    add_columns(inverse[static_cast<std::size_t>(problem)], own, problem, own);
  }
}

bool solve_monotone(const RowMatrix& H, Index n_constrained, const std::function<Vector(const Vector&)>& gradient,
                    Vector& x) {
  const Index n = H.rows();
  const auto constrained = [&](Index i) { return i < n_constrained; };
  std::vector<Index> passive;
  for (Index i = 0; i < n; ++i) {
    if (constrained(i)) x[i] = std::max(x[i], 0.0);
    if (!constrained(i) || x[i] > 0) passive.push_back(i);
  }
  bool add_one_only = false;
  int refinements = 0;  // on the present passive set
  for (Index step = 0; step < 20 * n; ++step) {
    // to the minimum over the passive unknowns, or as far as they stay positive
    const Vector slope = gradient(x);
    const Eigen::LLT<Eigen::MatrixXd> llt(H(passive, passive));
    if (llt.info() != Eigen::Success) return false;
    const Vector move = llt.solve(slope(passive));
    double fraction = 1;
    for (std::size_t k = 0; k < passive.size(); ++k) {
      const Index i = passive[k];
      const double change = move[static_cast<Index>(k)];
      if (constrained(i) && x[i] + change < 0) fraction = std::min(fraction, x[i] / -change);
    }
    x(passive) += fraction * move;
    if (fraction < 1) {
      const double zero = kTolerance * x.head(n_constrained).cwiseAbs().maxCoeff();
      std::erase_if(passive, [&](Index i) {
        const bool leaves = constrained(i) && x[i] <= zero;
        if (leaves) x[i] = 0;
        return leaves;
      });
      add_one_only = add_one_only || fraction == 0;
      refinements = 0;
      continue;
    }
    if (move.norm() > kTolerance * x.norm() && ++refinements < kMaxRefinements) continue;  // with the fresh gradient

    // which of the zeros should grow? Judged by the step each would make alone.
    const Vector rise = gradient(x).cwiseQuotient(H.diagonal());
    Vector wanted = Vector::Zero(n);
    for (Index i = 0; i < n_constrained; ++i) {
      if (x[i] == 0) wanted[i] = std::max(rise[i], 0.0);
    }
    const double largest = wanted.maxCoeff();
    if (largest <= kTolerance * x.cwiseAbs().maxCoeff()) return true;
    const double threshold = add_one_only ? largest : largest / 2;
    for (Index i = 0; i < n_constrained; ++i) {
      if (wanted[i] >= threshold && !std::ranges::count(passive, i)) passive.push_back(i);
    }
    std::ranges::sort(passive);
    add_one_only = false;
    refinements = 0;
  }
  return false;
}

}  // namespace drtengine
