#include "drtengine/qp.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <type_traits>

namespace drtengine {
namespace {

constexpr int kEarlyRounds = 2;  // after a raw guess: many change sides, and gaps are closed
constexpr int kPatience = 3;     // rounds without fewer offenders before they change sides one by one
// Systems grow for so many rounds before they are set up anew, with others of like size. They are not
// kept where that is cheaper: in early rounds, and where a large part of a set changes or the zeros are few.
constexpr int kRounds = 3;
constexpr Index kFewChanges = 4;  // times their number is at most the size of the set
constexpr Index kFewZeros = 24;
// Passes before pivoting gives up. Where single precision does, double precision goes on.
template <class Real>
constexpr int kMaxPasses = std::is_same_v<Real, double> ? 250 : 12;
constexpr Index kNone = -1;      // a row that is no unknown's
constexpr Index kWord = 64;      // unknowns whose bits share a word
constexpr double kRough = 1e-6;  // of the largest: what a sign means in single precision

template <class Real>
Real max_abs(const Real* x, Index n) {
  return n == 0 ? 0 : Eigen::Map<const Eigen::VectorX<Real>>(x, n).cwiseAbs().maxCoeff();
}

// The bits of a word: test(vector) of the `count` entries from x on.
template <class Real, class Test>
DRTENGINE_INLINE std::uint64_t bits_where(const Real* x, Index count, Test&& test) {
  std::uint64_t bits = 0;
  for (Index i = 0; i < count; i += kLanes<Real>) bits |= std::uint64_t{test(load(x + i))} << i;
  return bits;
}

}  // namespace

template <class Real>
PivotPool<Real>::PivotPool(Index n, Index n_constrained, Side side, bool keep_log_dets)
    : n_(n),
      n_constrained_(n_constrained),
      stride_(padded<Real>(n)),
      n_words_((n + kWord - 1) / kWord),
      side_(side),
      keep_log_dets_(keep_log_dets),
      constrained_(static_cast<std::size_t>(n_words_)),
      free_(constrained_),
      offenders_(constrained_),
      gaps_(constrained_),
      bits_(static_cast<std::size_t>(kPool * n_words_)),
      size_(kPool),
      set_(static_cast<std::size_t>(kPool * n)),
      values_(static_cast<std::size_t>(kPool * stride_)),
      q_(static_cast<std::size_t>(kPool * stride_)),
      log_det_(kPool),
      progress_(kPool),
      n_of_size_(static_cast<std::size_t>(n + 2)) {
  for (Index i = 0; i < n; ++i) {
    (i < n_constrained ? constrained_ : free_)[static_cast<std::size_t>(i / kWord)] |= std::uint64_t{1} << i % kWord;
  }
}

template <class Real>
void PivotPool<Real>::guess_from(Index problem, const double* x) {
  std::uint64_t* own = &bits_[static_cast<std::size_t>(problem * n_words_)];
  const Vec zero{};
  for (Index w = 0; w < n_words_; ++w) {
    const Index begin = w * kWord;
    const std::uint64_t bits = bits_where(x + begin, std::min(kWord, padded(n_) - begin), [&](Vec v) {
      return side_ == Side::kZeros ? less_mask(v, zero) : less_mask(zero, v);
    });
    const auto word = static_cast<std::size_t>(w);
    own[word] = (bits & constrained_[word]) | (side_ == Side::kPositive ? free_[word] : 0);
  }
  set_raw(problem, true);
  list_members(problem);
}

template <class Real>
void PivotPool<Real>::take_bits(Index problem, const std::uint64_t* from, bool same_side) {
  std::uint64_t* own = &bits_[static_cast<std::size_t>(problem * n_words_)];
  const bool with_free = side_ == Side::kPositive;
  for (std::size_t w = 0; w < free_.size(); ++w) {
    own[w] = ((same_side ? from[w] : ~from[w]) & constrained_[w]) | (with_free ? free_[w] : 0);
  }
  list_members(problem);
}

// From the bits.
template <class Real>
void PivotPool<Real>::list_members(Index problem) {
  Index *members = &set_[static_cast<std::size_t>(problem * n_)], *next = members;
  for (Index w = 0; w < n_words_; ++w) {
    for (std::uint64_t rest = bits(problem)[w]; rest != 0; rest &= rest - 1)
      *next++ = w * kWord + std::countr_zero(rest);
  }
  size_[static_cast<std::size_t>(problem)] = static_cast<std::size_t>(next - members);
}

// visit(problems side by side), of like size.
template <class Real>
template <class Visit>
void PivotPool<Real>::for_each_vector(PoolMask problems, Visit&& visit) {
  constexpr std::size_t width = kLanes<Real>;
  std::ranges::fill(n_of_size_, 0);
  for_each(problems, [this](Index i) { ++n_of_size_[set(i).size() + 1]; });
  std::partial_sum(n_of_size_.begin(), n_of_size_.end(), n_of_size_.begin());
  by_size_.resize(static_cast<std::size_t>(std::popcount(problems)));
  for_each(problems, [this](Index i) { by_size_[static_cast<std::size_t>(n_of_size_[set(i).size()]++)] = i; });
  for (std::size_t first = 0; first < by_size_.size(); first += width) {
    visit(std::span(by_size_).subspan(first, std::min(width, by_size_.size() - first)));
  }
}

template <class Real>
void PivotPool<Real>::solve_values(const Matrices& Q, const Real* q, PoolMask problems,
                                   const std::function<bool(std::span<const Index>)>& another) {
  for_each_vector(problems, [&, this](std::span<const Index> side_by_side) {
    const auto read_all = [&, this] {
      for (std::size_t lane = 0; lane < side_by_side.size(); ++lane) read_values(lane, side_by_side[lane], true);
    };
    start_systems(Q, side_by_side);
    set_right_sides(q, side_by_side);
    systems_.factorize();
    systems_.solve();
    read_all();
    while (another(side_by_side)) {
      set_right_sides(q, side_by_side);
      systems_.solve_anew();
      read_all();
    }
  });
}

template <class Real>
void PivotPool<Real>::log_dets(const Matrices& Q, PoolMask problems, double* out) {
  for_each_vector(problems, [&, this](std::span<const Index> side_by_side) {
    start_systems(Q, side_by_side);
    systems_.factorize();
    for (std::size_t lane = 0; lane < side_by_side.size(); ++lane) out[side_by_side[lane]] = systems_.log_det(lane);
  });
}

// Lane by lane Q_ss; shorter systems are filled up with the identity.
template <class Real>
void PivotPool<Real>::start_systems(const Matrices& Q, std::span<const Index> side_by_side) {
  constexpr Index width = kLanes<Real>;
  const auto count = static_cast<Index>(side_by_side.size()),
             rows = static_cast<Index>(set(side_by_side.back()).size());
  systems_.start(rows);
  members_.assign(static_cast<std::size_t>(rows * width), 0);  // the first unknown stands in for none
  const Real* matrix[width];
  Real size[width] = {};
  for (Index lane = 0; lane < width; ++lane) {
    const bool used = lane < count;
    const Index problem = side_by_side[used ? static_cast<std::size_t>(lane) : 0];
    matrix[lane] = Q[static_cast<std::size_t>(problem)];
    if (!used) continue;
    Index* member = members_.data() + lane;
    for (const Index i : set(problem)) {
      *member = i;
      member += width;
    }
    size[lane] = static_cast<Real>(set(problem).size());
  }
  const Index* member = members_.data();
  for (Index i = 0; i < rows; ++i, member += width) {
    // all lanes entry by entry: loops over the columns of one lane would be too short for the branch predictor
    constexpr Index some = std::min<Index>(width, 4);  // as many as there are registers for their rows
    for (Index first = 0; first < width; first += some) {
      const Real* row[some];
      for (Index lane = 0; lane < some; ++lane) row[lane] = matrix[first + lane] + member[first + lane] * stride_;
      Real* entry = systems_.entry(i, 0) + first;
      const Index* column = members_.data() + first;
      for (Index j = 0; j <= i; ++j, column += width, entry += width) {
        DRTENGINE_UNROLL
        for (Index lane = 0; lane < some; ++lane) entry[lane] = row[lane][column[lane]];
      }
    }
  }
  for (Index i = count == width ? static_cast<Index>(set(side_by_side.front()).size()) : 0; i < rows; ++i) {
    Real use[width];
    for (Index lane = 0; lane < width; ++lane) use[lane] = static_cast<Real>(static_cast<Real>(i) < size[lane]);
    const VecOf<Real> used = load(use);
    Real* entry = systems_.entry(i, 0);
    for (Index j = 0; j <= i; ++j) store(entry + j * width, used * load(entry + j * width));
    store(entry + i * width, load(entry + i * width) + (broadcast(Real{1}) - used));
  }
}

// Lane by lane -q_s.
template <class Real>
void PivotPool<Real>::set_right_sides(const Real* q, std::span<const Index> side_by_side) {
  constexpr Index width = kLanes<Real>;
  Real* right_side = systems_.right_side(0);
  std::fill(right_side, right_side + systems_.size() * width, Real{0});
  for (const Index problem : side_by_side) {
    Real* own = right_side++;
    for (const Index i : set(problem)) {
      *own = -q[problem * stride_ + i];
      own += width;
    }
  }
}

// v of the set, whose members have either the first rows in order or those in place_.
template <class Real>
void PivotPool<Real>::read_values(std::size_t lane, Index problem, bool in_order) {
  constexpr Index width = kLanes<Real>;
  const std::size_t size = set(problem).size();
  Real* v = &values_[static_cast<std::size_t>(problem * stride_)];
  const Real* from = systems_.solution(0) + lane;
  if (in_order) {
    for (std::size_t k = 0; k < size; ++k) v[k] = from[k * width];
  } else {
    for (std::size_t k = 0; k < size; ++k) v[k] = from[place_[lane][k] * width];
  }
}

// Marks all offenders against a sign, of y outside the set and of v in it, and counts them.
template <class Real>
Index PivotPool<Real>::find_offenders(const Real* y, Index problem) {
  const auto p = static_cast<std::size_t>(problem);
  const std::span v = values(problem);
  const std::span s = set(problem);
  const Index n_free = side_ == Side::kPositive ? n_ - n_constrained_ : 0;  // the last of the set
  const Real v_limit = -progress_[p].v_tolerance * max_abs(v.data(), static_cast<Index>(v.size()));
  const VecOf<Real> y_limit = broadcast(progress_[p].y_limit);
  for (std::size_t w = 0; w < offenders_.size(); ++w) {
    const Index begin = static_cast<Index>(w) * kWord;
    offenders_[w] = constrained_[w] & ~bits(problem)[w] &
                    bits_where(y + begin, std::min(kWord, stride_ - begin),
                               [&](VecOf<Real> entries) { return less_mask(entries, y_limit); });
  }
  const VecOf<Real> v_limits = broadcast(v_limit);
  const Index n_signed = static_cast<Index>(s.size()) - n_free;
  for (Index begin = 0; begin < n_signed; begin += kWord) {
    const std::uint64_t negative = bits_where(v.data() + begin, std::min(kWord, padded<Real>(n_signed - begin)),
                                              [&](VecOf<Real> entries) { return less_mask(entries, v_limits); });
    for_each(negative & (~std::uint64_t{0} >> std::max<Index>(0, kWord - (n_signed - begin))), [&, this](Index k) {
      const Index i = s[static_cast<std::size_t>(begin + k)];
      offenders_[static_cast<std::size_t>(i / kWord)] |= std::uint64_t{1} << i % kWord;
    });
  }
  return count_offenders();
}

template <class Real>
Index PivotPool<Real>::count_offenders() const {
  Index count = 0;
  for (const std::uint64_t word : offenders_) count += std::popcount(word);
  return count;
}

// Clears the marks of all but the worst, a y judged by the v that would cure it alone.
template <class Real>
void PivotPool<Real>::keep_worst_offender(const Real* Q, const Real* y, Index problem) {
  const std::span s = set(problem);
  Index worst = kNone;
  Real offence = 0;
  const auto compare = [&](Index i, Real own) {
    if (offends(i) && (worst == kNone || own > offence)) {
      worst = i;
      offence = own;
    }
  };
  std::size_t k = 0;  // members passed
  for (Index i = 0; i < n_constrained_; ++i) {
    const bool is_member = k < s.size() && s[k] == i;
    compare(i, is_member ? -values(problem)[k++] : -y[i] / Q[i * (stride_ + 1)]);
  }
  if (worst == kNone) return;  // none was marked
  std::ranges::fill(offenders_, std::uint64_t{0});
  offenders_[static_cast<std::size_t>(worst / kWord)] = std::uint64_t{1} << worst % kWord;
}

// Neighbouring unknowns belong to overlapping functions: between two zeros of which one is new, an unknown is
// likely to become zero as well. To mark it at once saves one round in six.
template <class Real>
void PivotPool<Real>::close_gaps(Index problem) {
  const std::uint64_t* before = bits(problem);
  const auto zeros = [&, this](Index w) { return before[w] ^ offenders_[static_cast<std::size_t>(w)]; };
  const auto fresh = [&](Index w) { return zeros(w) & ~before[w]; };
  const auto below = [](auto&& word, Index w) { return word(w) << 1 | (w == 0 ? 0 : word(w - 1) >> (kWord - 1)); };
  const auto above = [this](auto&& word, Index w) {
    return word(w) >> 1 | (w + 1 == n_words_ ? 0 : word(w + 1) << (kWord - 1));
  };
  for (Index w = 0; w < n_words_; ++w) {
    gaps_[static_cast<std::size_t>(w)] = constrained_[static_cast<std::size_t>(w)] & ~zeros(w) & below(zeros, w) &
                                         above(zeros, w) & (below(fresh, w) | above(fresh, w));
  }
  for (std::size_t w = 0; w < gaps_.size(); ++w) offenders_[w] ^= gaps_[w];
}

// Those marked change sides.
template <class Real>
void PivotPool<Real>::exchange(Index problem) {
  set_before_.assign(set(problem).begin(), set(problem).end());
  for (std::size_t w = 0; w < offenders_.size(); ++w)
    bits_[static_cast<std::size_t>(problem * n_words_) + w] ^= offenders_[w];
  list_members(problem);
}

// Adds rows to a lane, from row `at` on, for what `exchange` has changed.
template <class Real>
void PivotPool<Real>::append_rows(std::size_t lane, Index at, const Real* Q, Index problem, bool first) {
  constexpr Index width = kLanes<Real>;
  auto& place = place_[lane];
  auto& members = member_[lane];
  if (first) {
    members = set_before_;
    place.resize(members.size());
    std::iota(place.begin(), place.end(), Index{0});
  }
  members.resize(static_cast<std::size_t>(at), kNone);
  next_place_.clear();
  std::size_t old = 0;  // members before that have been passed
  for (const Index unknown : set(problem)) {
    if (!offends(unknown)) {
      while (set_before_[old] != unknown) ++old;
      next_place_.push_back(place[old++]);
      continue;
    }
    next_place_.push_back(at);
    members.push_back(unknown);
    const Real* row = Q + unknown * stride_;
    Real* entry = systems_.entry(at, 0) + lane;
    for (const Index j : members) {
      *entry = j == kNone ? 0 : row[j];
      entry += width;
    }
    systems_.right_side(at)[lane] = -q_[static_cast<std::size_t>(problem * stride_ + unknown)];
    ++at;
  }
  for (old = 0; old < set_before_.size(); ++old) {
    if (!offends(set_before_[old])) continue;
    members.push_back(kNone);  // this row holds the unknown at zero
    systems_.entry(at, place[old])[lane] = 1;
    systems_.entry(at, at)[lane] = 0;
    systems_.sign(at)[lane] = -1;
    ++at;
  }
  place.swap(next_place_);
}

// Takes problems through as many rounds as their systems last; returns which were solved.
template <class Real>
PoolMask PivotPool<Real>::pivot(const Matrices& Q, Real* y, std::span<const Index> side_by_side, int pass) {
  PoolMask solved = 0;
  start_systems(Q, side_by_side);
  set_right_sides(q_.data(), side_by_side);
  unsigned open = (1u << side_by_side.size()) - 1;
  for (int round = 0; open != 0; ++round) {
    systems_.factorize();
    systems_.solve();
    const Index at = systems_.size();
    std::array<RowSum<Real>, kLanes<Real>> sums;
    std::size_t n_sums = 0;
    for (unsigned rest = open; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
      const Index problem = side_by_side[lane];
      read_values(lane, problem, round == 0);
      sums[n_sums++] = {&q_[static_cast<std::size_t>(problem * stride_)],
                        Q[static_cast<std::size_t>(problem)],
                        set(problem).data(),
                        values(problem).data(),
                        static_cast<Index>(set(problem).size()),
                        y + problem * stride_};
    }
    add_rows(std::span<const RowSum<Real>>(sums).first(n_sums), stride_);
    for (unsigned rest = open; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(rest));
      const Index problem = side_by_side[lane];
      const auto p = static_cast<std::size_t>(problem);
      Progress& own = progress_[p];
      Real* own_y = y + problem * stride_;
      Index changes = find_offenders(own_y, problem);
      if (changes == 0) {
        for (const Index i : set(problem)) own_y[i] = 0;
        solved |= pool_bit(problem);
        open &= ~(1u << lane);
        if (keep_log_dets_) log_det_[p] = systems_.log_det(lane);
        continue;
      }
      if (changes < own.fewest) {
        own.fewest = changes;
        own.patience = kPatience;
      } else if (own.patience-- <= 0) {  // going round in circles
        keep_worst_offender(Q[p], own_y, problem);
        changes = 1;
      }
      const bool early = pass < kEarlyRounds && contains(raw_, problem);
      if (early && side_ == Side::kZeros) {
        close_gaps(problem);
        changes = count_offenders();
      }
      exchange(problem);
      const auto size = static_cast<Index>(set(problem).size());
      const int rounds = early || pass == 0 ? 1 : kRounds;
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

template <class Real>
PoolMask PivotPool<Real>::solve(const Matrices& Q, Real* y, const std::vector<PivotTolerance>& tolerance,
                                PoolMask problems) {
  for_each(problems, [&, this](Index problem) {
    const auto p = static_cast<std::size_t>(problem);
    const Real* own = y + problem * stride_;
    std::copy(own, own + stride_, q_.begin() + problem * stride_);
    progress_[p] = {static_cast<Real>(-tolerance[p].y) * max_abs(own, n_constrained_),
                    static_cast<Real>(tolerance[p].v), std::numeric_limits<Index>::max(), kPatience};
  });
  PoolMask solved = 0;
  for (int pass = 0; solved != problems && pass < kMaxPasses<Real>; ++pass) {
    for_each_vector(problems & ~solved,
                    [&, this](std::span<const Index> side_by_side) { solved |= pivot(Q, y, side_by_side, pass); });
  }
  raw_ &= ~problems;
  return solved;
}

template class PivotPool<double>;
template class PivotPool<float>;

void round_matrix(const double* Q, Index n, float* out) {
  const Index from = padded(n), to = padded<float>(n);
  double largest = 0;
  for (Index i = 0; i < n; ++i) largest = std::max(largest, Q[i * (from + 1)]);
  const double scale = 1 / largest;
  for (Index i = 0; i < n; ++i, Q += from, out += to) {
    for (Index j = 0; j < from; ++j) out[j] = static_cast<float>(Q[j] * scale);
  }
}

RoughPivots::RoughPivots(Index n, Index n_constrained, Side side)
    : n_(n), pool_(n, n_constrained, side), y_(kPool, padded<float>(n)), tolerance_(kPool, {kRough, kRough}) {
  y_.setZero();
}

void RoughPivots::improve_guesses(PivotPool<double>& pool, const PivotPool<float>::Matrices& Q, const double* q,
                                  PoolMask problems) {
  for_each(problems, [&, this](Index i) {
    const Eigen::Map<const Eigen::RowVectorXd> own(q + i * padded(n_), n_);
    const double largest = own.cwiseAbs().maxCoeff();
    y_.row(i).head(n_) = (own * (largest > 0 ? 1 / largest : 0)).cast<float>();
    pool_.guess_from(i, pool);
  });
  pool_.solve(Q, y_.data(), tolerance_, problems);
  for_each(problems, [&, this](Index i) { pool.guess_from(i, pool_); });
}

}  // namespace drtengine
