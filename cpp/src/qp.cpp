#include "drtengine/qp.hpp"

#include "drtengine/dense.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace drtengine {
namespace {

constexpr int kPatience = 3;  // rounds without fewer offenders before they change sides one by one
// Systems grow for so many rounds before they are set up anew, with others of like size. They are not
// kept where that is cheaper: in the first round, and where a large part of a set changes or the zeros are few.
constexpr int kFirstRounds = 1, kRounds = 3;
constexpr Index kFewChanges = 4;  // times their number is at most the size of the set
constexpr Index kFewZeros = 28;
constexpr int kMaxPasses = 250;       // then pivoting gives up
constexpr Index kNone = -1;           // a row that is no unknown's
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
      progress_(kPool),
      next_set_(static_cast<std::size_t>(n)),
      origin_(static_cast<std::size_t>(n + 1)),
      entering_(next_set_),
      leaving_(next_set_) {}

void PivotPool::guess_from(Index problem, const double* x) {
  next_set_.resize(static_cast<std::size_t>(n_));
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
  next_set_.resize(static_cast<std::size_t>(n_));
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

// visit(problems side by side), of like size.
template <class Visit>
void PivotPool::for_each_vector(PoolMask problems, Visit&& visit) {
  by_size_.clear();
  for_each(problems, [this](Index i) { by_size_.push_back(static_cast<Index>(set(i).size()) * kPool + i); });
  std::ranges::sort(by_size_);
  for (Index& entry : by_size_) entry %= kPool;
  for (std::size_t first = 0; first < by_size_.size(); first += kVecWidth) {
    visit(std::span(by_size_).subspan(first, std::min<std::size_t>(kVecWidth, by_size_.size() - first)));
  }
}

void PivotPool::solve_values(const Matrices& Q, const double* q, PoolMask problems) {
  for_each_vector(problems, [&, this](std::span<const Index> side_by_side) {
    start_systems(Q, q, side_by_side);
    systems_.factorize();
    systems_.solve();
    for (std::size_t lane = 0; lane < side_by_side.size(); ++lane) read_values(lane, side_by_side[lane], true);
  });
}

void PivotPool::log_dets(const Matrices& Q, PoolMask problems, double* out) {
  for_each_vector(problems, [&, this](std::span<const Index> side_by_side) {
    start_systems(Q, q_.data(), side_by_side);
    systems_.factorize();
    for (std::size_t lane = 0; lane < side_by_side.size(); ++lane) out[side_by_side[lane]] = systems_.log_det(lane);
  });
}

// Lane by lane Q_ss and -q_s; shorter systems are filled up with the identity.
void PivotPool::start_systems(const Matrices& Q, const double* q, std::span<const Index> side_by_side) {
  const Index* members[kVecWidth];
  const double *matrix[kVecWidth], *right[kVecWidth];
  Index size[kVecWidth] = {};
  for (std::size_t lane = 0; lane < side_by_side.size(); ++lane) {
    const Index problem = side_by_side[lane];
    members[lane] = set(problem).data();
    size[lane] = static_cast<Index>(set(problem).size());
    matrix[lane] = Q[static_cast<std::size_t>(problem)];
    right[lane] = q + problem * stride_;
  }
  const auto rows = static_cast<Index>(set(side_by_side.back()).size());
  systems_.start(rows);
  for (Index i = 0; i < rows; ++i) {
    double *row_of_all = systems_.entry(i, 0), *right_of_all = systems_.right_side(i);
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      double* entry = row_of_all + lane;
      if (i < size[lane]) {
        const Index* s = members[lane];
        const double* row = matrix[lane] + s[i] * stride_;
        for (Index j = 0; j <= i; ++j) entry[j * kVecWidth] = row[s[j]];
        right_of_all[lane] = -right[lane][s[i]];
      } else {
        for (Index j = 0; j < i; ++j) entry[j * kVecWidth] = 0;
        entry[i * kVecWidth] = 1;
        right_of_all[lane] = 0;
      }
    }
  }
}

// v of the set, whose members have either the first rows in order or those in place_.
void PivotPool::read_values(std::size_t lane, Index problem, bool in_order) {
  const std::size_t size = set(problem).size();
  double* v = values_[static_cast<std::size_t>(problem)].data();
  const double* from = systems_.solution(0) + lane;
  if (in_order) {
    for (std::size_t k = 0; k < size; ++k) v[k] = from[k * kVecWidth];
  } else {
    for (std::size_t k = 0; k < size; ++k) v[k] = from[place_[lane][k] * kVecWidth];
  }
}

void PivotPool::apply(const double* Q, const double* base, Index problem, double* out) const {
  const auto& s = set(problem);
  add_rows(base, Q, stride_, s.data(), values(problem).data(), static_cast<Index>(s.size()), out);
  for (const Index i : s) out[i] = 0;
}

// Replaces the set by one with all offenders on the other side. Lists them, and where the new members
// come from: places in the old set, or -1 less the place among those entering.
void PivotPool::exchange(const double* y, double y_limit, double v_limit, Index problem) {
  auto& s = set_[static_cast<std::size_t>(problem)];
  const double* v = values(problem).data();
  const auto size = static_cast<Index>(s.size());
  next_set_.resize(static_cast<std::size_t>(n_));
  Index *next = next_set_.data(), *origin = origin_.data();
  Index seen = 0;  // members of the old set passed so far
  n_entering_ = n_leaving_ = 0;
  const auto keep_members_before = [&](Index end) {
    for (; seen < size && s[seen] < end; ++seen) {
      const bool leaves = v[seen] < v_limit && s[seen] < n_constrained_;
      *next = s[seen];
      *origin = seen;
      next += !leaves;
      origin += !leaves;
      leaving_[n_leaving_] = seen;
      n_leaving_ += leaves;
    }
  };
  for (Index begin = 0; begin < n_constrained_; begin += kVecWidth) {
    unsigned negative = less_mask(load(y + begin), broadcast(y_limit));
    if (n_constrained_ - begin < kVecWidth) negative &= (1u << (n_constrained_ - begin)) - 1;
    for (; negative != 0; negative &= negative - 1) {
      const Index i = begin + std::countr_zero(negative);
      keep_members_before(i);
      *next++ = i;
      entering_[n_entering_++] = i;
      *origin++ = -n_entering_;
    }
  }
  keep_members_before(n_);
  next_set_.resize(static_cast<std::size_t>(next - next_set_.data()));
  s.swap(next_set_);
}

// Once more, with the worst offender alone, a y judged by the v that would cure it alone.
void PivotPool::exchange_worst(const double* Q, const double* y, Index problem) {
  auto& s = set_[static_cast<std::size_t>(problem)];
  s = next_set_;
  const double* v = values(problem).data();
  const auto offence = [&](Index i) { return -y[i] / Q[i * (stride_ + 1)]; };
  const std::span entering(entering_.data(), static_cast<std::size_t>(n_entering_));
  const std::span leaving(leaving_.data(), static_cast<std::size_t>(n_leaving_));
  const auto enters = std::ranges::max_element(entering, {}, offence);
  const auto leaves = std::ranges::min_element(leaving, {}, [v](Index k) { return v[k]; });
  std::iota(origin_.begin(), origin_.end(), Index{0});
  if (leaves == leaving.end() || (enters != entering.end() && offence(*enters) >= -v[*leaves])) {
    const auto place = std::ranges::lower_bound(s, *enters) - s.begin();
    entering_[0] = *enters;
    s.insert(s.begin() + place, *enters);
    std::copy_backward(origin_.begin() + place, origin_.end() - 1, origin_.end());
    origin_[static_cast<std::size_t>(place)] = -1;
    n_entering_ = 1;
    n_leaving_ = 0;
  } else {
    leaving_[0] = *leaves;
    s.erase(s.begin() + *leaves);
    std::copy(origin_.begin() + *leaves + 1, origin_.end(), origin_.begin() + *leaves);
    n_entering_ = 0;
    n_leaving_ = 1;
  }
}

// Adds rows to a lane, from row `at` on, for what `exchange` has changed.
void PivotPool::append_rows(std::size_t lane, Index at, const double* Q, Index problem, bool first) {
  auto& place = place_[lane];
  auto& members = member_[lane];
  if (first) {
    members = next_set_;  // the set before
    place.resize(members.size());
    std::iota(place.begin(), place.end(), Index{0});
  }
  members.resize(static_cast<std::size_t>(at), kNone);
  next_place_.clear();
  for (std::size_t k = 0; k < set(problem).size(); ++k) {
    next_place_.push_back(origin_[k] < 0 ? at - 1 - origin_[k] : place[origin_[k]]);
  }
  for (Index e = 0; e < n_entering_; ++e, ++at) {
    const Index unknown = entering_[e];
    members.push_back(unknown);
    const double* row = Q + unknown * stride_;
    double* entry = systems_.entry(at, 0) + lane;
    for (const Index j : members) {
      *entry = j == kNone ? 0 : row[j];
      entry += kVecWidth;
    }
    systems_.right_side(at)[lane] = -q_[problem * stride_ + unknown];
  }
  for (Index l = 0; l < n_leaving_; ++l, ++at) {  // holds the unknown at zero
    members.push_back(kNone);
    systems_.entry(at, place[leaving_[l]])[lane] = 1;
    systems_.entry(at, at)[lane] = 0;
    systems_.sign(at)[lane] = -1;
  }
  place.swap(next_place_);
}

// Takes problems through as many rounds as their systems last; returns which were solved.
PoolMask PivotPool::pivot(const Matrices& Q, double* y, std::span<const Index> side_by_side, int rounds) {
  PoolMask solved = 0;
  start_systems(Q, q_.data(), side_by_side);
  unsigned open = (1u << side_by_side.size()) - 1;
  for (int round = 0; open != 0 && round < rounds; ++round) {
    systems_.factorize();
    systems_.solve();
    const Index at = systems_.size();
    for (unsigned rest = open; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
      const Index problem = side_by_side[lane];
      const auto p = static_cast<std::size_t>(problem);
      Progress& own = progress_[p];
      double* own_y = y + problem * stride_;
      read_values(lane, problem, round == 0);
      apply(Q[p], &q_[static_cast<std::size_t>(problem * stride_)], problem, own_y);
      const double v_limit = -own.v_tolerance * max_abs(values_[p].data(), static_cast<Index>(set_[p].size()));
      exchange(own_y, own.y_limit, v_limit, problem);
      const Index offenders = n_entering_ + n_leaving_;
      if (offenders == 0) {
        solved |= pool_bit(problem);
        open &= ~(1u << lane);
        if (keep_log_dets_) log_det_[p] = systems_.log_det(lane);
        continue;
      }
      if (offenders < own.fewest) {
        own.fewest = offenders;
        own.patience = kPatience;
      } else if (own.patience-- <= 0) {  // going round in circles
        exchange_worst(Q[p], own_y, problem);
      }
      const Index changes = n_entering_ + n_leaving_;
      const auto size = static_cast<Index>(set(problem).size());
      if (round + 1 == rounds || kFewChanges * changes > size || (side_ == Side::kZeros && size < kFewZeros)) {
        open &= ~(1u << lane);
        continue;
      }
      if (at + changes > systems_.size()) systems_.grow(at + changes - systems_.size());
      append_rows(lane, at, Q[p], problem, round == 0);
    }
  }
  return solved;
}

PoolMask PivotPool::solve(const Matrices& Q, double* y, const std::vector<Tolerance>& tolerance, PoolMask problems) {
  for_each(problems, [&, this](Index problem) {
    const auto p = static_cast<std::size_t>(problem);
    const double* own = y + problem * stride_;
    std::copy(own, own + stride_, q_.begin() + problem * stride_);
    progress_[p] = {-tolerance[p].y * max_abs(own, n_constrained_), tolerance[p].v, std::numeric_limits<Index>::max(),
                    kPatience};
  });
  PoolMask solved = 0;
  for (int pass = 0; solved != problems && pass < kMaxPasses; ++pass) {
    for_each_vector(problems & ~solved, [&, this](std::span<const Index> side_by_side) {
      solved |= pivot(Q, y, side_by_side, pass == 0 ? kFirstRounds : kRounds);
    });
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
