#include "drtengine/qp.hpp"

#include "drtengine/dense.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr int kPatience = 3;          // rounds without fewer offenders before they change sides one by one
constexpr int kMaxRounds = 250;       // then pivoting gives up
constexpr double kWiden = 0.1;        // of the largest unknown: what counts as small beside a negative one
constexpr double kTolerance = 1e-13;  // of the largest unknown: where the monotone solver takes it for zero
constexpr int kMaxRefinements = 4;    // of the monotone solver on one passive set

double max_abs(const double* x, Index n) { return n == 0 ? 0 : Eigen::Map<const Vector>(x, n).cwiseAbs().maxCoeff(); }

}  // namespace

PivotPool::PivotPool(Index n, Index n_constrained, Side side, bool keep_log_dets)
    : n_(n),
      n_constrained_(n_constrained),
      stride_(padded(n)),
      side_(side),
      keep_log_dets_(keep_log_dets),
      set_(kPool),
      values_(kPool, std::vector<double>(static_cast<std::size_t>(n))),
      q_(static_cast<std::size_t>(kPool * stride_)),
      log_det_(kPool),
      next_set_(static_cast<std::size_t>(n)) {}

void PivotPool::guess_from(Index problem, const double* x) {
  Index* next = next_set_.data();
  if (side_ == Side::kPositive) {
    for (Index i = 0; i < n_; ++i) {
      *next = i;
      next += i >= n_constrained_ || x[i] > 0;
    }
  } else {
    // Neighbouring unknowns belong to overlapping functions: next to a negative one, a small one is
    // likely to turn negative as well. This saves about one round in six.
    const double small = kWiden * (n_constrained_ == 0 ? 0 : Eigen::Map<const Vector>(x, n_constrained_).maxCoeff());
    Index last = -1;
    const auto add_once = [&](Index i) {
      if (i > last && i < n_constrained_ && x[i] < small) *next++ = last = i;
    };
    for (Index i = 0; i < n_constrained_; ++i) {
      if (!(x[i] < 0)) continue;
      add_once(i - 1);
      add_once(i);
      add_once(i + 1);
    }
  }
  set_[static_cast<std::size_t>(problem)].assign(next_set_.data(), next);
}

void PivotPool::guess_from(Index problem, const PivotPool& other) {
  const auto& theirs = other.set(problem);
  Index* next = next_set_.data();
  auto seen = theirs.begin();
  for (Index i = 0; i < (side_ == Side::kPositive ? n_ : n_constrained_); ++i) {
    const bool member = seen != theirs.end() && *seen == i;
    seen += member;
    *next = i;
    next += !member || i >= n_constrained_;
  }
  set_[static_cast<std::size_t>(problem)].assign(next_set_.data(), next);
}

// visit(first, count, n): problems by_size_[first...] side by side, of at most n members each.
template <class Visit>
void PivotPool::for_each_vector(PoolMask problems, Visit&& visit) {
  by_size_.clear();
  for (; problems != 0; problems &= problems - 1) {
    const Index problem = std::countr_zero(problems);
    if (!set(problem).empty()) by_size_.push_back(static_cast<Index>(set(problem).size()) * kPool + problem);
  }
  std::ranges::sort(by_size_);
  for (Index& entry : by_size_) entry %= kPool;

  for (std::size_t first = 0; first < by_size_.size(); first += kVecWidth) {
    const std::size_t count = std::min<std::size_t>(kVecWidth, by_size_.size() - first);
    visit(first, count, static_cast<Index>(set(by_size_[first + count - 1]).size()));
  }
}

void PivotPool::solve_values(const Matrices& Q, const double* q, PoolMask problems) {
  for_each_vector(problems, [&, this](std::size_t first, std::size_t count, Index n) {
    systems_.resize(n);
    fill_systems(Q, q, first, count, n);
    systems_.factorize();
    if (keep_log_dets_) write_log_dets(first, count, log_det_.data());
    systems_.solve();
    for (std::size_t lane = 0; lane < count; ++lane) {
      const Index problem = by_size_[first + lane];
      auto& v = values_[static_cast<std::size_t>(problem)];
      for (std::size_t i = 0; i < set(problem).size(); ++i) v[i] = systems_.right_side(static_cast<Index>(i))[lane];
    }
  });
}

void PivotPool::log_dets(const Matrices& Q, PoolMask problems, double* out) {
  for_each_vector(problems, [&, this](std::size_t first, std::size_t count, Index n) {
    systems_.resize(n);
    fill_systems(Q, q_.data(), first, count, n);
    systems_.factorize();
    write_log_dets(first, count, out);
  });
  for (; problems != 0; problems &= problems - 1) {
    if (set(std::countr_zero(problems)).empty()) out[std::countr_zero(problems)] = 0;
  }
}

void PivotPool::write_log_dets(std::size_t first, std::size_t count, double* out) {
  double value[kVecWidth];
  store(value, systems_.log_det());
  for (std::size_t lane = 0; lane < count; ++lane) out[by_size_[first + lane]] = value[lane];
}

// Lane by lane Q_ss and -q_s of the problems by_size_[first...]; shorter systems are filled up with
// the identity.
void PivotPool::fill_systems(const Matrices& Q, const double* q, std::size_t first, std::size_t count, Index n) {
  const Index* members[kVecWidth];
  const double *matrix[kVecWidth], *right[kVecWidth];
  Index size[kVecWidth] = {};
  for (std::size_t lane = 0; lane < count; ++lane) {
    const Index problem = by_size_[first + lane];
    members[lane] = set(problem).data();
    size[lane] = static_cast<Index>(set(problem).size());
    matrix[lane] = Q[static_cast<std::size_t>(problem)];
    right[lane] = q + problem * stride_;
  }
  for (Index i = 0; i < n; ++i) {
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      double* entry = systems_.entry(i, 0) + lane;
      if (i < size[lane]) {
        const Index* s = members[lane];
        const double* row = matrix[lane] + s[i] * stride_;
        for (Index j = 0; j <= i; ++j) entry[j * kVecWidth] = row[s[j]];
        systems_.right_side(i)[lane] = -right[lane][s[i]];
      } else {
        for (Index j = 0; j < i; ++j) entry[j * kVecWidth] = 0;
        entry[i * kVecWidth] = 1;
        systems_.right_side(i)[lane] = 0;
      }
    }
  }
}

void PivotPool::apply(const double* Q, const double* base, Index problem, double* out) const {
  const auto& s = set(problem);
  add_rows(base, Q, stride_, s.data(), values(problem).data(), static_cast<Index>(s.size()), out);
  for (const Index i : s) out[i] = 0;
}

// Replaces the set by one with all offenders on the other side and returns their number.
Index PivotPool::exchange(const double* y, double y_limit, double v_limit, Index problem) {
  auto& s = set_[static_cast<std::size_t>(problem)];
  const double* v = values(problem).data();
  Index offenders = 0;
  std::size_t seen = 0;  // members of the old set passed so far
  Index* next = next_set_.data();
  const auto keep_members_before = [&](Index end) {
    for (; seen < s.size() && s[seen] < end; ++seen) {
      const bool leaves = v[seen] < v_limit && s[seen] < n_constrained_;
      *next = s[seen];
      next += !leaves;
      offenders += leaves;
    }
  };
  for (Index begin = 0; begin < n_constrained_; begin += kVecWidth) {
    unsigned negative = less_mask(load(y + begin), broadcast(y_limit));
    if (n_constrained_ - begin < kVecWidth) negative &= (1u << (n_constrained_ - begin)) - 1;
    for (; negative != 0; negative &= negative - 1) {
      const Index i = begin + std::countr_zero(negative);
      keep_members_before(i);
      *next++ = i;
      ++offenders;
    }
  }
  keep_members_before(n_);
  s.assign(next_set_.data(), next);
  return offenders;
}

// Moves only the worst offender, a y judged by the v that would cure it alone.
void PivotPool::exchange_worst(const double* Q, const double* y, Index problem) {
  auto& s = set_[static_cast<std::size_t>(problem)];
  const double* v = values(problem).data();
  double worst = 0;
  Index offender = 0;
  auto seen = s.begin();
  for (Index i = 0; i < n_constrained_; ++i) {
    const bool member = seen != s.end() && *seen == i;
    const double offence = member ? -v[seen - s.begin()] : -y[i] / Q[i * (stride_ + 1)];
    seen += member;
    if (offence > worst) {
      worst = offence;
      offender = i;
    }
  }
  const auto place = std::ranges::lower_bound(s, offender);
  if (place != s.end() && *place == offender) {
    s.erase(place);
  } else {
    s.insert(place, offender);
  }
}

PoolMask PivotPool::solve(const Matrices& Q, double* y, const std::vector<Tolerance>& tolerance, PoolMask problems) {
  struct Progress {
    double y_limit;
    Index fewest = std::numeric_limits<Index>::max();  // offenders
    int patience = kPatience;
  };
  std::array<Progress, kPool> progress;
  for (PoolMask rest = problems; rest != 0; rest &= rest - 1) {
    const Index problem = std::countr_zero(rest);
    const double* own = y + problem * stride_;
    std::copy(own, own + stride_, q_.begin() + problem * stride_);
    const auto p = static_cast<std::size_t>(problem);
    progress[p].y_limit = -tolerance[p].y * max_abs(own, n_constrained_);
  }
  PoolMask solved = 0;
  PoolMask open = problems;
  for (int round = 0; open != 0 && round < kMaxRounds; ++round) {
    solve_values(Q, q_.data(), open);
    for (PoolMask rest = open; rest != 0; rest &= rest - 1) {
      const Index problem = std::countr_zero(rest);
      const auto p = static_cast<std::size_t>(problem);
      Progress& own = progress[p];
      double* own_y = y + problem * stride_;
      apply(Q[p], &q_[static_cast<std::size_t>(problem * stride_)], problem, own_y);
      const double v_limit = -tolerance[p].v * max_abs(values_[p].data(), static_cast<Index>(set_[p].size()));
      if (own.patience <= 0) before_ = set_[p];
      const Index offenders = exchange(own_y, own.y_limit, v_limit, problem);
      if (offenders == 0) {
        solved |= pool_bit(problem);
        open &= ~pool_bit(problem);
      } else if (offenders < own.fewest) {
        own.fewest = offenders;
        own.patience = kPatience;
      } else if (own.patience-- <= 0) {  // going round in circles
        set_[p] = before_;
        exchange_worst(Q[p], own_y, problem);
      }
    }
  }
  return solved;
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
    const Cholesky cholesky(H(passive, passive));
    if (!cholesky.succeeded()) return false;
    const Vector move = cholesky.solve(slope(passive));
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
