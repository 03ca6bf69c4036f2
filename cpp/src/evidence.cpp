// The evidence of lambda under x >= 0, from the unknowns a that are zero in the non-negative solution
//   x = x_u + G_:a mu,  G = H^-1 = V diag(1/d) V',  x_u = V (c/d).
// Residual and penalty are those of x_u less mu'x_u[a], and of the matrices without a
//   log det H_PP = log det H + log det G_aa,   log det M_PP = log det M + log det (M^-1)_aa.
// Where most unknowns are zero or H is close to singular, from P and H itself.
#include "drtengine/errors.hpp"
#include "drtengine/qp.hpp"
#include "drtengine/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

namespace drtengine {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// Up to this error G can tell which unknowns are zero.
constexpr double kTellsZeros = 1e-7;
// Rounding of x and of the multipliers, and of the gradient, seen from the two sides of the problem.
constexpr double kZerosTolerance = 1e-13;
constexpr PivotTolerance kPositiveTolerance{1e-14, 1e-11};
// The search for the lowest score begins at the likelihood's choice among every fifth lambda, goes on
// in steps of half a decade until the score is so much above the lowest, and narrows down by parabolas.
constexpr Index kStartStride = 5;
constexpr double kHopeless = 3;
constexpr int kParabolas = 2;

// What one lambda takes.
struct Factor {
  double lambda, information;  // log det H - log det lambda M, of all unknowns
  Vector to_modes;             // [mode] c/d from b
  Vector left;                 // [mode] 1 - f
  RowMatrix H, G;              // padded
  AlignedVector<float> rough_G;
  double error;  // of G

  Factor(const Modes& modes, const RowMatrix& gram, const RowMatrix& penalty, const PriorVolume& prior, double at)
      : lambda(at), information(modes.pencil.log_det_H(at) - prior.log_det(at)) {
    const Pencil& pencil = modes.pencil;
    const Vector inverse_d = pencil.denominators(at).cwiseInverse(), f = modes.fitted(at);
    to_modes = (pencil.sigma.cwiseSqrt().array() * inverse_d.array()).matrix();
    left = 1 - f.array();
    const Index n = pencil.sigma.size();
    const RowMatrix half = pencil.V * inverse_d.cwiseSqrt().asDiagonal();
    Eigen::MatrixXd inverse = Eigen::MatrixXd::Zero(n, n);
    inverse.selfadjointView<Eigen::Lower>().rankUpdate(half);
    G = RowMatrix::Zero(n, padded(n));
    G.leftCols(n) = inverse.selfadjointView<Eigen::Lower>();
    H = RowMatrix::Zero(n, padded(n));
    H.leftCols(n) = gram + at * penalty;
    error = kEpsilon * H.norm() * inverse.norm();
    rough_G.resize(static_cast<std::size_t>(n * padded<float>(n)));
    round_matrix(G.data(), n, rough_G.data());
  }
};

class EvidencePlan final : public Plan {
 public:
  EvidencePlan(const Design& design, const Vector& w2, ConstVectorView lattice, const PriorVolume& prior_volume)
      : modes(design, w2),
        prior(prior_volume),
        lambda(lattice),
        n_basis(design.n_basis),
        to_x(modes.pencil.V.transpose()),
        right_sides(RowMatrix(w2.asDiagonal() * design.A)),
        penalty_(design.M),
        gram_(weighted_gram(design, w2)),
        factors_(static_cast<std::size_t>(lattice.size())),
        made_(factors_.size()),
        start_(modes, every_fifth(lattice), Criterion::kLikelihood, &prior_volume) {
    const double half_decades = 2 * std::log10(lattice[lattice.size() - 1] / lattice[0]);
    stride = half_decades > 0 ? std::max<Index>(1, std::lround((lattice.size() - 1) / half_decades)) : 1;
  }

  std::unique_ptr<Scores> scores() const override;

  Factor factor(double at) const { return {modes, gram_, penalty_, prior, at}; }
  // Made when first asked for.
  const Factor& factor_on_lattice(Index place) const {
    const auto p = static_cast<std::size_t>(place);
    std::call_once(made_[p], [&] { factors_[p] = std::make_unique<const Factor>(factor(lambda[place])); });
    return *factors_[p];
  }
  // Where the search begins.
  void start(const Amplitudes& amplitudes, const double* noise, Index count, Index* place) const {
    RowMatrix scores;
    start_.scores(amplitudes, noise, count, scores);
    for (Index i = 0; i < count; ++i) place[i] = kStartStride * lowest_place(&scores(i, 0), scores.cols());
  }

  Modes modes;
  const PriorVolume& prior;
  Vector lambda;
  Index n_basis, stride;   // the latter of the search
  TileFactor to_x;         // from c/d to x_u
  TileFactor right_sides;  // from z to g = A'W^2z

 private:
  static Vector every_fifth(ConstVectorView lattice) {
    return lattice(Eigen::seq(0, Eigen::last, Eigen::fix<kStartStride>));
  }

  RowMatrix penalty_, gram_;
  mutable std::vector<std::unique_ptr<const Factor>> factors_;
  mutable std::vector<std::once_flag> made_;
  LatticeCriterion start_;
};

class EvidenceScores final : public Scores {
 public:
  explicit EvidenceScores(const EvidencePlan& plan)
      : plan_(plan),
        zeros_(plan.modes.size(), plan.n_basis, Side::kZeros, true),
        positive_(plan.modes.size(), plan.n_basis, Side::kPositive, true),
        rough_(plan.modes.size(), plan.n_basis, Side::kZeros),
        rough_Q_(static_cast<std::size_t>(kPool)),
        scaled_(RowMatrix::Zero(kPool, plan.modes.project.stride())),
        unconstrained_(kPool, plan.to_x.stride()),
        y_(kPool, plan.to_x.stride()),
        minus_g_(kPool, plan.to_x.stride()),
        Q_(static_cast<std::size_t>(kPool)),
        M_(static_cast<std::size_t>(kPool), plan.prior.matrix().data()),
        inverse_M_(static_cast<std::size_t>(kPool), plan.prior.inverse().data()),
        tolerance_(static_cast<std::size_t>(kPool)) {}

  void load(const RowMatrix& z, const double* noise, Index count) override {
    amplitudes_.load(plan_.modes, z, count);
    noise_ = noise;
    count_ = count;
    guessed_ = from_positive_ = 0;
    plan_.right_sides.multiply(z.data(), z.cols(), count, minus_g_.data());
    minus_g_ *= -1;
  }

  void on_lattice(RowMatrix& scores) override {
    scores.resize(count_, plan_.lambda.size());
    std::array<const Factor*, kPool> factors;
    std::array<double, kPool> score;
    for (Index l = plan_.lambda.size() - 1; l >= 0; --l) {
      factors.fill(&plan_.factor_on_lattice(l));
      evaluate(pool_mask(count_), factors, score);
      for (Index i = 0; i < count_; ++i) scores(i, l) = score[static_cast<std::size_t>(i)];
    }
  }

  double at(Index spectrum, double lambda) override {
    const Factor factor = plan_.factor(lambda);
    std::array<const Factor*, kPool> factors;
    factors.fill(&factor);
    std::array<double, kPool> score;
    evaluate(pool_bit(spectrum), factors, score);
    return score[static_cast<std::size_t>(spectrum)];
  }

  void lowest(Index* place) override {
    all_.setConstant(count_, plan_.lambda.size(), std::numeric_limits<double>::quiet_NaN());
    plan_.start(amplitudes_, noise_, count_, place);
    visit(place, place);
    for (const Index direction : {-1, 1}) walk(place, direction * plan_.stride);
    for (int round = 0; round < kParabolas; ++round) {
      std::array<Index, kPool> next;
      for (Index i = 0; i < count_; ++i) next[static_cast<std::size_t>(i)] = lowest_of_parabola(i, place[i]);
      visit(next.data(), place);
    }
    for (Index i = 0; i < count_; ++i) {
      if (!std::isfinite(all_(i, place[i]))) place[i] = plan_.lambda.size() - 1;
    }
  }

 private:
  using Factors = std::array<const Factor*, kPool>;

  // Evaluates the places at[i], where `open` and not known yet, and lowers best[i].
  void visit(const Index* at, Index* best, PoolMask open = ~PoolMask{0}) {
    Factors factors{};
    PoolMask fresh = 0;
    for (Index i = 0; i < count_; ++i) {
      if (!contains(open, i) || !std::isnan(all_(i, at[i]))) continue;
      factors[static_cast<std::size_t>(i)] = &plan_.factor_on_lattice(at[i]);
      fresh |= pool_bit(i);
    }
    std::array<double, kPool> score;
    evaluate(fresh, factors, score);
    for (Index i = 0; i < count_; ++i) {
      if (!contains(fresh, i)) continue;
      const double own = all_(i, at[i]) = score[static_cast<std::size_t>(i)];
      if (own < all_(i, best[i])) best[i] = at[i];
    }
  }

  // Where the parabola through the best score and those known on both sides is lowest.
  Index lowest_of_parabola(Index i, Index best) const {
    const Index last = plan_.lambda.size() - 1;
    Index low = best, high = best;
    do --low;
    while (low > 0 && std::isnan(all_(i, low)));
    do ++high;
    while (high < last && std::isnan(all_(i, high)));
    if (low < 0 || high > last) return best;
    const auto left = static_cast<double>(best - low), right = static_cast<double>(high - best);
    const double fall = (all_(i, low) - all_(i, best)) / left, rise = (all_(i, high) - all_(i, best)) / right;
    const double move = (fall * right - rise * left) / (fall + rise) / 2;
    if (!std::isfinite(move)) return best;
    return best + std::clamp<Index>(std::lround(move), 1 - (best - low), high - best - 1);
  }

  void walk(Index* best, Index step) {
    std::array<Index, kPool> position;
    std::copy(best, best + count_, position.begin());
    const Index last = plan_.lambda.size() - 1;
    for (PoolMask open = pool_mask(count_); open != 0;) {
      std::array<Index, kPool> next = position;
      for (Index i = 0; i < count_; ++i) {
        const auto p = static_cast<std::size_t>(i);
        next[p] = std::clamp<Index>(position[p] + step, 0, last);
        if (next[p] == position[p]) open &= ~pool_bit(i);
      }
      visit(next.data(), best, open);
      for (Index i = 0; i < count_; ++i) {
        const Index at = next[static_cast<std::size_t>(i)];
        if (!(all_(i, at) < all_(i, best[i]) + kHopeless)) open &= ~pool_bit(i);
      }
      position = next;
    }
  }

  void evaluate(PoolMask problems, const Factors& factors, std::array<double, kPool>& score) {
    if (problems == 0) return;
    for_each(problems, [&, this](Index i) {
      scaled_.row(i).head(plan_.modes.size()) =
          amplitudes_.b.row(i)
              .head(plan_.modes.size())
              .cwiseProduct(factors[static_cast<std::size_t>(i)]->to_modes.transpose());
    });
    plan_.to_x.multiply(scaled_.data(), scaled_.cols(), count_, unconstrained_.data());
    const PoolMask positive = choose_sides(problems, factors);
    solve(problems & ~positive, Side::kZeros, factors, score);
    solve(positive, Side::kPositive, factors, score);
  }

  // Guesses, for each problem on the cheaper side that is accurate enough; returns where this is the
  // positive one. The answer of one lambda is a good guess for the next.
  PoolMask choose_sides(PoolMask problems, const Factors& factors) {
    PoolMask chosen = 0;
    for_each(problems, [&, this](Index i) {
      const bool known = contains(guessed_, i), was_positive = known && contains(from_positive_, i);
      if (!known) zeros_.guess_from(i, &unconstrained_(i, 0));
      const auto members = static_cast<Index>((was_positive ? positive_ : zeros_).set(i).size());
      const Index zeros = was_positive ? plan_.modes.size() - members : members;
      const bool positive =
          factors[static_cast<std::size_t>(i)]->error > kTellsZeros || 5 * zeros > 3 * plan_.modes.size();
      if (positive && !was_positive) positive_.guess_from(i, zeros_);
      if (!positive && was_positive) zeros_.guess_from(i, positive_);
      chosen |= positive ? pool_bit(i) : 0;
    });
    from_positive_ = (from_positive_ & ~problems) | chosen;
    return chosen;
  }

  void solve(PoolMask problems, Side side, const Factors& factors, std::array<double, kPool>& score) {
    if (problems == 0) return;
    const bool zeros = side == Side::kZeros;
    PivotPool<double>& pool = zeros ? zeros_ : positive_;
    for_each(problems, [&, this](Index i) {
      const Factor& own = *factors[static_cast<std::size_t>(i)];
      Q_[static_cast<std::size_t>(i)] = (zeros ? own.G : own.H).data();
      rough_Q_[static_cast<std::size_t>(i)] = own.rough_G.data();
      const double error = std::max(kZerosTolerance, own.error);
      tolerance_[static_cast<std::size_t>(i)] = zeros ? PivotTolerance{error, error} : kPositiveTolerance;
      y_.row(i) = (zeros ? unconstrained_ : minus_g_).row(i);
    });
    if (zeros) rough_.improve_guesses(zeros_, rough_Q_, y_.data(), problems);
    const PoolMask solved = pool.solve(Q_, y_.data(), tolerance_, problems);
    guessed_ = (guessed_ & ~problems) | solved;
    std::array<double, kPool> of_prior;
    pool.log_dets(zeros ? inverse_M_ : M_, solved, of_prior.data());
    for_each(problems, [&, this](Index i) {
      const auto p = static_cast<std::size_t>(i);
      const double determinants = pool.set(i).empty() ? 0 : pool.log_det(i) - of_prior[p];
      score[p] = !contains(solved, i) ? kInfinity
                 : zeros              ? criterion_of_zeros(i, *factors[p], determinants)
                                      : criterion_of_positive(i, *factors[p], determinants);
    });
  }

  double criterion_of_zeros(Index i, const Factor& factor, double determinants) const {
    double gain = 0;  // mu'x_u
    const std::span a = zeros_.set(i);
    for (std::size_t k = 0; k < a.size(); ++k) gain += zeros_.values(i)[k] * unconstrained_(i, a[k]);
    return criterion(i, factor, gain,
                     factor.information + determinants + static_cast<double>(a.size()) * std::log(factor.lambda));
  }

  double criterion_of_positive(Index i, const Factor& factor, double determinants) const {
    const Index n_free = plan_.modes.size() - plan_.n_basis;
    const Index n_positive = static_cast<Index>(positive_.set(i).size()) - n_free;
    const double gain = y_.row(i).head(plan_.n_basis).dot(unconstrained_.row(i).head(plan_.n_basis));  // y is 0 in P
    return criterion(i, factor, gain, determinants - static_cast<double>(n_positive) * std::log(factor.lambda));
  }

  double criterion(Index i, const Factor& factor, double gain, double information) const {
    const Index n = plan_.modes.size();
    const double misfit = amplitudes_.rest[i] + amplitudes_.squared.row(i).head(n).dot(factor.left) - gain;
    const auto rows = static_cast<double>(plan_.modes.n_rows - (n - plan_.n_basis));
    return rows * std::log(std::max(misfit, kEpsilon * amplitudes_.total[i])) + information;
  }

  const EvidencePlan& plan_;
  Amplitudes amplitudes_;
  const double* noise_ = nullptr;
  PivotPool<double> zeros_, positive_;
  RoughPivots rough_;
  PivotPool<float>::Matrices rough_Q_;
  RowMatrix scaled_, unconstrained_;  // c/d [spectrum, mode], x_u [spectrum, unknown]
  RowMatrix y_, minus_g_;             // [spectrum, unknown]: the solver's own, and -A'W^2z
  PivotPool<double>::Matrices Q_, M_, inverse_M_;
  std::vector<PivotTolerance> tolerance_;
  PoolMask guessed_ = 0, from_positive_ = 0;  // spectra solved for another lambda, and from which side
};

std::unique_ptr<Scores> EvidencePlan::scores() const { return std::make_unique<EvidenceScores>(*this); }

}  // namespace

std::unique_ptr<Plan> plan_evidence(const Design& design, const Vector& w2, ConstVectorView lattice,
                                    const PriorVolume& prior) {
  return std::make_unique<EvidencePlan>(design, w2, lattice, prior);
}

}  // namespace drtengine
