#include "drtengine/joint.hpp"

#include "drtengine/chain.hpp"
#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"
#include "drtengine/series_prior.hpp"

#include <algorithm>
#include <cmath>

namespace drtengine {
namespace {

constexpr double kFirstDamping = 1e-3, kLessDamping = 0.2, kMoreDamping = 6;
constexpr double kLeastDamping = 3e-4, kMostDamping = 1e3;
constexpr double kAlwaysDamped = 1e-11;
constexpr double kLargestMove = 2;  // of u in a step
constexpr int kCommonSteps = 4;     // with one precision for all
constexpr int kMostSteps = 18;
constexpr int kLastSteps = 2;  // with parameters that stay as they are
constexpr double kChangeOfGammaAtRest = 1e-2, kChangeAtRest = 0.1;
constexpr double kChangeAtTheEnd = 0.1;  // of the gamma of a spectrum: what will do
constexpr double kMostDofPerRow = 0.8;
constexpr double kSmallestNoise2 = 1e-14;  // of the mean square of the data
constexpr double kFirstShareOfLambda = 0.3, kFirstShareOfEta = 0.3, kLastShareOfEta = 0.5;
constexpr double kLowestLog = -80, kHighestLog = 60;
constexpr Index kChunk = 4;  // spectra that one worker takes at a time

// One spectrum: its problem without the free unknowns, and where it stands.
struct Member {
  RowMatrix A;          // sqrt(w^2) A without what the free unknowns can explain [row, node]
  Vector z;             // and the data
  RowMatrix gram;       // A'A
  Index n_free = 0;     // of them, determined by the data
  double rows = 0;      // with weight
  double smallest = 0;  // noise2

  Vector u, gamma, residual, gradient;  // the gradient of -rss / 2 by u
  Vector trial_u, trial_gamma, trial_residual;
  double noise2 = 0, rss = 0, trial_rss = 0;
  double change = 0;  // of gamma in the last step, relative
  double dof = 0;     // effective number of parameters
};

class Fit {
 public:
  Fit(const std::vector<SeriesSpectrum>& series, double h, ConstVectorView closeness, const SeriesStart& start,
      int n_threads)
      : series_(series),
        n_spectra_(static_cast<Index>(series.size())),
        n_(series[0].design->n_basis),
        n_threads_(n_threads),
        per_difference_(std::pow(h, -1.5)),
        members_(series.size()),
        chain_(n_, n_spectra_),
        move_(n_spectra_, n_) {
    for (const SeriesSpectrum& s : series)
      size_ = std::max(size_, (s.w2.array() > 0).select(s.z, 0).cwiseAbs().maxCoeff());
    prior_.h = h;
    prior_.closeness = closeness;
    prior_.q = Vector::Ones(n_spectra_ - 1);
    const double lambda = std::exp(start.lambda.array().log().mean());
    prior_.precision = RowMatrix::Constant(n_spectra_, n_ - 2, kFirstShareOfLambda * lambda);
    moments_ = {RowMatrix(n_spectra_, n_ - 2), RowMatrix(n_spectra_, n_ - 2), Vector(n_spectra_ - 1),
                Vector(n_spectra_ - 1)};
    for_all([&](Index v) { load(v, start); });
    take_differences();
    Vector weighted = closeness.cwiseProduct(moments_.step2);
    const auto middle = weighted.begin() + weighted.size() / 2;
    std::nth_element(weighted.begin(), middle, weighted.end());
    prior_.eta = kFirstShareOfEta * static_cast<double>(n_) / (*middle + 1e-9);
  }

  // Until the smoothing parameters have settled.
  void settle(const KeepGoing& keep_going) {
    bool common = true;
    for (int since_common = 0; steps_ < kMostSteps; ++steps_) {
      if (keep_going && !keep_going(steps_, kMostSteps)) throw Cancelled();
      const bool adapting = steps_ > 0, accepted = step(adapting);
      const double change = adapting && have_moments_ ? adapt_all(common) : 0;
      if (!common && accepted && ++since_common >= kCommonSteps && change_ < kChangeOfGammaAtRest &&
          change < kChangeAtRest) {
        break;
      }
      common = common && !(accepted && steps_ + 1 >= kCommonSteps);
    }
  }

  // The last steps, with half of eta, and the answer.
  JointSolutions finish(const KeepGoing& keep_going) {
    JointSolutions result;
    result.eta = prior_.eta;
    prior_.eta *= kLastShareOfEta;
    for (int i = 0; i < kLastSteps; ++i, ++steps_) {
      if (keep_going && !keep_going(kMostSteps, kMostSteps)) throw Cancelled();
      step(false);
    }
    result.steps = steps_;
    result.tie = prior_.q;
    result.lambda = prior_.precision.array().log().rowwise().mean().exp();
    result.log_gamma.resize(n_spectra_, n_);
    result.u_log_gamma.setZero(n_spectra_, n_);
    result.free.resize(n_spectra_, series_[0].design->size() - n_);
    result.noise.resize(n_spectra_);
    damping_ = 0;
    RowMatrix unused = RowMatrix::Zero(n_spectra_, n_);
    const auto fill = [this](Index v, RowMatrix& block) { fill_block(v, block); };
    const bool inverted =
        chain_.solve(ties_, fill, unused) && chain_.invert(ties_, fill, [&](Index v, const RowMatrix& inverse, double) {
          result.u_log_gamma.row(v) = inverse.diagonal().head(n_).cwiseSqrt().transpose();
        });
    for_all([&](Index v) { write(v, result); });
    for (const Member& m : members_) {
      const bool at_rest = inverted && m.change < kChangeAtTheEnd;
      result.status.push_back(at_rest ? Status::kOk : Status::kUnconverged);
    }
    return result;
  }

 private:
  template <class F>
  void for_all(F&& work) {
    parallel_for(n_spectra_, kChunk, n_threads_, {}, [&] {
      return [&](Index begin, Index end) {
        for (Index v = begin; v < end; ++v) work(v);
      };
    });
  }

  Member& member(Index v) { return members_[static_cast<std::size_t>(v)]; }

  void load(Index v, const SeriesStart& start) {
    const SeriesSpectrum& s = series_[static_cast<std::size_t>(v)];
    Member& m = member(v);
    const Vector w = s.w2.cwiseSqrt();
    m.A = w.asDiagonal() * s.design->A.leftCols(n_);
    m.z = w.cwiseProduct(s.z) / size_;
    m.rows = static_cast<double>((s.w2.array() > 0).count());
    const Matrix free = w.asDiagonal() * s.design->A.rightCols(s.design->size() - n_);
    if (free.cols() > 0) {
      const Matrix Q = RankRevealingQr(free).Q;
      m.n_free = Q.cols();
      m.A -= multiply(Q, multiply_transposed(Q, m.A));
      m.z -= Q * (Q.transpose() * m.z);
    }
    m.gram = gram_of_rows(m.A.transpose());
    m.smallest = kSmallestNoise2 * w.cwiseProduct(s.z).squaredNorm() / (size_ * size_ * m.rows);
    m.noise2 = std::max(std::pow(start.noise[v] / size_, 2), m.smallest);
    m.trial_u = start.log_gamma.row(v).transpose().array() - std::log(size_);
    evaluate(m);
    accept(m);
  }

  static void evaluate(Member& m) {
    m.trial_gamma = m.trial_u.array().max(kLowestLog).min(kHighestLog).exp();
    m.trial_residual = m.z - m.A * m.trial_gamma;
    m.trial_rss = m.trial_residual.squaredNorm();
  }

  static void accept(Member& m) {
    m.change = m.gamma.size() == 0 ? 0 : (m.trial_gamma - m.gamma).norm() / m.gamma.norm();
    std::swap(m.u, m.trial_u);
    std::swap(m.gamma, m.trial_gamma);
    std::swap(m.residual, m.trial_residual);
    m.rss = m.trial_rss;
    m.gradient = m.gamma.cwiseProduct(m.A.transpose() * m.residual);
  }

  double difference(const Vector& u, Index j) const { return per_difference_ * (u[j] - 2 * u[j + 1] + u[j + 2]); }
  double left_slope(const Vector& u) const { return (u[1] - u[0]) / prior_.h - kEndSlope; }
  double right_slope(const Vector& u) const { return (u[n_ - 1] - u[n_ - 2]) / prior_.h + kEndSlope; }

  double objective(Index v, const Vector& u, double rss) {
    double sum = rss / member(v).noise2;
    for (Index j = 0; j < n_ - 2; ++j) {
      const double d = difference(u, j);
      sum += prior_.precision(v, j) * d * d;
    }
    const double left = left_slope(u), right = right_slope(u);
    return sum + kEndPrecision * (left * left + right * right);
  }

  // The block of half the second derivatives of the objective (Gauss-Newton), damped.
  void fill_block(Index v, RowMatrix& block) {
    const Member& m = member(v);
    const Vector scale = m.gamma / std::sqrt(m.noise2);
    for (Index i = 0; i < n_; ++i) {
      block.row(i).head(i + 1) = scale[i] * m.gram.row(i).head(i + 1).cwiseProduct(scale.head(i + 1).transpose());
    }
    const auto s = prior_.precision.row(v) * (per_difference_ * per_difference_);
    for (Index j = 0; j < n_ - 2; ++j) {
      block(j, j) += s[j];
      block(j + 1, j) -= 2 * s[j];
      block(j + 2, j) += s[j];
      block(j + 1, j + 1) += 4 * s[j];
      block(j + 2, j + 1) -= 2 * s[j];
      block(j + 2, j + 2) += s[j];
    }
    const double end = kEndPrecision / (prior_.h * prior_.h);
    for (const Index i : {Index{0}, n_ - 2}) {
      block(i, i) += end;
      block(i + 1, i) -= end;
      block(i + 1, i + 1) += end;
    }
    const double tie = (v > 0 ? ties_[v - 1] : 0) + (v + 1 < n_spectra_ ? ties_[v] : 0);
    for (Index i = 0; i < n_; ++i) block(i, i) = (block(i, i) + tie) * (1 + damping_ + kAlwaysDamped);
  }

  // Half the negative gradient of the objective.
  void fill_right_side(Index v) {
    const Member& m = member(v);
    Vector g = m.gradient / m.noise2;
    for (Index j = 0; j < n_ - 2; ++j) {
      const double pull = prior_.precision(v, j) * per_difference_ * difference(m.u, j);
      g[j] -= pull;
      g[j + 1] += 2 * pull;
      g[j + 2] -= pull;
    }
    const double left = kEndPrecision / prior_.h * left_slope(m.u), right = kEndPrecision / prior_.h * right_slope(m.u);
    g[0] += left;
    g[1] -= left;
    g[n_ - 2] += right;
    g[n_ - 1] -= right;
    if (v > 0) g += ties_[v - 1] * (member(v - 1).u - m.u);
    if (v + 1 < n_spectra_) g += ties_[v] * (member(v + 1).u - m.u);
    move_.row(v) = g.transpose();
  }

  // One step of all spectra, taken where it lowers the objective; `adapting`: with the moments.
  bool step(bool adapting) {
    ties_ = prior_.ties();
    const auto fill = [this](Index v, RowMatrix& block) { fill_block(v, block); };
    for_all([this](Index v) { fill_right_side(v); });
    bool solved = chain_.solve(ties_, fill, move_);
    if (solved && adapting) {
      solved = chain_.invert(ties_, fill, [this](Index v, const RowMatrix& inverse, double trace_to_next) {
        take_moments(v, inverse, trace_to_next);
      });
    }
    have_moments_ = solved && adapting;
    bool accepted = false;
    if (solved) {
      for_all([this](Index v) {
        Member& m = member(v);
        const double largest = move_.row(v).cwiseAbs().maxCoeff();
        m.trial_u = m.u + std::min(1.0, kLargestMove / largest) * move_.row(v).transpose();
        evaluate(m);
      });
      double before = 0, after = 0;
      for (Index v = 0; v < n_spectra_; ++v) {
        const Member& m = member(v);
        before += objective(v, m.u, m.rss);
        after += objective(v, m.trial_u, m.trial_rss);
        if (v + 1 == n_spectra_) continue;
        before += ties_[v] * (member(v + 1).u - m.u).squaredNorm();
        after += ties_[v] * (member(v + 1).trial_u - m.trial_u).squaredNorm();
      }
      accepted = after <= before + 1e-9 * std::abs(before);
    }
    damping_ =
        accepted ? std::max(damping_ * kLessDamping, kLeastDamping) : std::min(damping_ * kMoreDamping, kMostDamping);
    if (!accepted) return false;
    for_all([this](Index v) { accept(member(v)); });
    change_ = 0;
    for (const Member& m : members_) change_ = std::max(change_, m.change);
    return true;
  }

  // Variances of the differences of u, along ln tau and along the series, and the effective parameters.
  void take_moments(Index v, const RowMatrix& inverse, double trace_to_next) {
    Member& m = member(v);
    const auto S = inverse.topLeftCorner(n_, n_);
    for (Index j = 0; j < n_ - 2; ++j) {
      moments_.difference_variance(v, j) =
          per_difference_ * per_difference_ *
          (S(j, j) + 4 * S(j + 1, j + 1) + S(j + 2, j + 2) - 4 * S(j + 1, j) - 4 * S(j + 2, j + 1) + 2 * S(j + 2, j));
    }
    const double trace = S.trace();
    if (v + 1 < n_spectra_) {
      moments_.step_variance[v] = prior_.h * (trace + trace_of_next_ - 2 * trace_to_next);
    }
    trace_of_next_ = trace;
    const Vector weighted = m.gram.cwiseProduct(S) * m.gamma;
    m.dof = static_cast<double>(m.n_free) + m.gamma.dot(weighted) / m.noise2;
  }

  void take_differences() {
    for_all([this](Index v) {
      const Vector& u = member(v).u;
      for (Index j = 0; j < n_ - 2; ++j) moments_.difference(v, j) = difference(u, j);
      if (v + 1 < n_spectra_) moments_.step2[v] = prior_.h * (member(v + 1).u - u).squaredNorm();
    });
  }

  // Noise and smoothing for the next step.
  double adapt_all(bool common) {
    for (Member& m : members_) {
      const double target = m.rss / (m.rows - std::min(m.dof, kMostDofPerRow * m.rows));
      m.noise2 = std::max(std::pow(m.noise2, 0.3) * std::pow(target, 0.7), m.smallest);
    }
    take_differences();
    return adapt(prior_, moments_, common);
  }

  void write(Index v, JointSolutions& result) {
    const SeriesSpectrum& s = series_[static_cast<std::size_t>(v)];
    const Member& m = member(v);
    const Index n_free = s.design->size() - n_;
    result.log_gamma.row(v) = (m.u.array() + std::log(size_)).transpose();
    result.noise[v] = std::sqrt(m.noise2) * size_;
    if (n_free == 0) return;
    const Vector w = s.w2.cwiseSqrt();
    const Vector left = w.cwiseProduct(s.z / size_ - s.design->A.leftCols(n_) * m.gamma);
    const Matrix free = w.asDiagonal() * s.design->A.rightCols(n_free);
    result.free.row(v) = (size_ * s.design->scale.tail(n_free).cwiseProduct(least_squares(free, left))).transpose();
  }

  const std::vector<SeriesSpectrum>& series_;
  Index n_spectra_, n_;
  int n_threads_;
  double per_difference_;
  double size_ = 0;  // the largest |z|, which all data are divided by
  std::vector<Member> members_;
  SeriesPrior prior_;
  SeriesMoments moments_;
  Chain chain_;
  Vector ties_;
  RowMatrix move_;  // right sides, then steps [spectrum, node]
  double damping_ = kFirstDamping, change_ = 0, trace_of_next_ = 0;
  bool have_moments_ = false;
  int steps_ = 0;
};

}  // namespace

JointSolutions fit_joint(const std::vector<SeriesSpectrum>& series, double h, ConstVectorView closeness,
                         const SeriesStart& start, int n_threads, const KeepGoing& keep_going) {
  const auto n_spectra = static_cast<Index>(series.size());
  if (n_spectra < 2) throw InvalidInput("a series needs at least two spectra");
  for (const SeriesSpectrum& s : series) {
    if (s.design->n_basis != series[0].design->n_basis || s.design->size() != series[0].design->size()) {
      throw InvalidInput("the spectra of a series need the same nodes and free unknowns");
    }
    if (s.z.size() != s.design->rows() || s.w2.size() != s.z.size()) {
      throw InvalidInput("Z must have Re and Im of every frequency");
    }
  }
  if (closeness.size() != n_spectra - 1 || !closeness.allFinite() || !(closeness.minCoeff() > 0)) {
    throw InvalidInput("closeness must be positive, one number for each interval of the series");
  }
  if (start.log_gamma.rows() != n_spectra || start.log_gamma.cols() != series[0].design->n_basis ||
      start.lambda.size() != n_spectra || start.noise.size() != n_spectra) {
    throw InvalidInput("the start must have a row for each spectrum of the series");
  }
  Fit fit(series, h, closeness, start, n_threads);
  fit.settle(keep_going);
  return fit.finish(keep_going);
}

}  // namespace drtengine
