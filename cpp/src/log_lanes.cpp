#include "drtengine/log_lanes.hpp"

#include "drtengine/tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace drtengine {
namespace {

constexpr double kSmallestStart = 1e-9;  // of the largest |z|: what gamma starts from where Z' does not change
constexpr double kFirstPrecision = 1;
constexpr double kFirstDamping = 1e-3, kLessDamping = 0.2, kMoreDamping = 6;
constexpr double kLeastDamping = 1e-9, kMostDamping = 1e3;
constexpr double kAlwaysDamped = 1e-11;
constexpr double kLargestMove = 2;       // of u in a step
constexpr int kStepsBeforeAdapting = 3;  // sigma^2 and precisions stay as they are
constexpr int kFewestSteps = 9, kMostSteps = 100;
constexpr double kMoveAtRest = 0.02, kChangeAtRest = 0.05;  // of u, and of the logarithms of the precisions,
constexpr double kMatters = 1e-3;  // where gamma is not below this, relative to the largest; less counts in proportion
constexpr double kMoveAtTheEnd = 0.5;  // what will do after kMostSteps
constexpr double kFixedMoveAtRest = 1e-5;
constexpr double kMostDofPerRow = 0.8;
constexpr double kLargestChange = 1.5;    // of the logarithm of a precision in a step;
constexpr int kStepsBeforeSettling = 25;  // from then on less and less, should it go round in circles
constexpr double kSettling = 0.8;
constexpr double kSmallestNoise2 = 1e-14;  // of the mean square of the data: noise-free data have an end too
constexpr double kLargestPrecision = 1e8;
constexpr double kSmoothing = 2;    // nodes: over which local differences are averaged
constexpr double kShrinkage = 0.1;  // of local precisions towards their geometric mean
constexpr double kLowestLog = -80, kHighestLog = 60;

// out[i] = sum_k M(i, k) in[k], lane by lane. M has whole blocks of rows.
constexpr Index kRowBlock = 8;
void multiply(const RowMatrix& M, const double* in, double* out) {
  for (Index i = 0; i < M.rows(); i += kRowBlock) {
    Vec sum[kRowBlock] = {};
    for (Index k = 0; k < M.cols(); ++k) {
      const Vec x = load(in + k * kVecWidth);
      DRTENGINE_UNROLL
      for (Index r = 0; r < kRowBlock; ++r) sum[r] += M(i + r, k) * x;
    }
    for (Index r = 0; r < kRowBlock; ++r) store(out + (i + r) * kVecWidth, sum[r]);
  }
}

Index whole_blocks(Index n) { return (n + kRowBlock - 1) / kRowBlock * kRowBlock; }

RowMatrix with_whole_blocks(const RowMatrix& matrix) {
  RowMatrix padded = RowMatrix::Zero(whole_blocks(matrix.rows()), matrix.cols());
  padded.topRows(matrix.rows()) = matrix;
  return padded;
}

std::size_t lanes_of(Index entries) { return static_cast<std::size_t>(entries * kVecWidth); }

// ln det of DD', D the plain second differences of n values: det = n^2 (n^2 - 1) / 12.
double log_det_of_differences(Index n) {
  const auto x = static_cast<double>(n);
  return std::log(x * x * (x * x - 1) / 12);
}

double weight(double gamma, double largest) { return std::min(1.0, gamma / (kMatters * largest)); }

}  // namespace

std::vector<double> smoothed(const std::vector<double>& values) {
  const auto reach = static_cast<Index>(std::ceil(3 * kSmoothing)), n = static_cast<Index>(values.size());
  std::vector<double> result(values.size());
  double total = 0;
  for (Index k = -reach; k <= reach; ++k) {
    const auto x = static_cast<double>(k) / kSmoothing;
    const double weight = std::exp(-x * x / 2);
    total += weight;
    for (Index i = 0; i < n; ++i) {
      result[static_cast<std::size_t>(i)] +=
          weight * values[static_cast<std::size_t>(std::clamp<Index>(i + k, 0, n - 1))];
    }
  }
  for (double& value : result) value /= total;
  return result;
}

LogFit flat_start(const Design& design, double h, const Vector& z, const Vector& w2) {
  double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
  const bool real = design.used[0];
  for (Index r = real ? 0 : 1; r < design.rows(); r += 2) {
    if (!(w2[r] > 0)) continue;
    lowest = std::min(lowest, z[r]);
    highest = std::max(highest, z[r]);
  }
  const auto n_nodes = static_cast<double>(design.n_basis);
  LogFit fit;
  fit.z = z.data();
  fit.w2 = w2.data();
  fit.theta.assign(static_cast<std::size_t>(design.size()), 0.0);
  std::fill_n(fit.theta.begin(), design.n_basis, std::log(std::max(highest - lowest, kSmallestStart) / (n_nodes * h)));
  if (real) fit.theta[static_cast<std::size_t>(design.n_basis)] = lowest;
  fit.precision.assign(static_cast<std::size_t>(design.n_basis - 2), kFirstPrecision);
  return fit;
}

void normalize_weights(Vector& w2) {
  const auto used = w2.array() > 0;
  const double mean_log = used.select(w2.array(), 1.0).log().sum() / static_cast<double>(used.count());
  w2 *= std::exp(-mean_log);
}

Vector amplitudes(const LogFit& fit, Index n_nodes) {
  Vector y = Eigen::Map<const Vector>(fit.theta.data(), static_cast<Index>(fit.theta.size()));
  y.head(n_nodes) = y.head(n_nodes).array().exp();
  return y;
}

RowMatrix roughness_matrix(const std::vector<double>& precision, double h) {
  const Index n = static_cast<Index>(precision.size()) + 2;
  RowMatrix P = kAnchor * RowMatrix::Identity(n, n);
  const Eigen::Vector3d second = Eigen::Vector3d(1, -2, 1) * std::pow(h, -1.5);
  for (Index j = 0; j < n - 2; ++j) {
    P.block<3, 3>(j, j) += precision[static_cast<std::size_t>(j)] * second * second.transpose();
  }
  const Eigen::Vector2d first = Eigen::Vector2d(-1, 1) / h;
  for (const Index i : {Index{0}, n - 2}) P.block<2, 2>(i, i) += kEndPrecision * first * first.transpose();
  return P;
}

Vector roughness_gradient(const std::vector<double>& precision, double h, const Vector& u) {
  const Index n = u.size();
  Vector gradient = roughness_matrix(precision, h) * u;
  for (const Index i : {Index{0}, n - 2}) {
    const double pull = kEndPrecision * (i == 0 ? kEndSlope : -kEndSlope) / h;
    gradient[i] += pull;
    gradient[i + 1] -= pull;
  }
  return gradient;
}

LogLanes::LogLanes(const RowMatrix& A, Index n_nodes, double h)
    : A_(with_whole_blocks(A)),
      At_(with_whole_blocks(A.transpose())),
      n_(A.cols()),
      n_nodes_(n_nodes),
      n_rows_(A.rows()),
      h_(h),
      per_difference_(std::pow(h, -1.5)),
      log_det_DDt_(log_det_of_differences(n_nodes) + 2 * static_cast<double>(n_nodes - 2) * std::log(per_difference_)),
      z_(lanes_of(A_.rows())),
      w2_(z_),
      gram_(lanes_of(n_ * (n_ + 1) / 2)),
      theta_(lanes_of(n_)),
      trial_(theta_),
      y_(theta_),
      residual_(z_),
      trial_residual_(z_),
      gradient_(lanes_of(At_.rows())),
      precision_(lanes_of(n_nodes - 2)),
      added_to_diagonal_(theta_),
      band_{theta_, theta_, theta_} {
  noise2_.fill(1);
}

void LogLanes::run(std::vector<LogFit>& fits) {
  std::size_t next = 0;
  while (true) {
    bool any_new = false, any = false;
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      if (!lanes_[static_cast<std::size_t>(lane)].fit && next < fits.size()) {
        start(lane, fits[next++]);
        any_new = true;
      }
      any = any || lanes_[static_cast<std::size_t>(lane)].fit;
    }
    if (!any) return;
    if (any_new) evaluate(theta_, y_, residual_);
    step();
  }
}

void LogLanes::start(Index lane, LogFit& fit) {
  Lane& own = lanes_[static_cast<std::size_t>(lane)];
  own = {&fit, kFirstDamping, false};
  fit.steps = 0;
  fit.rows = 0;
  double square = 0;
  for (Index r = 0; r < n_rows_; ++r) {
    put(z_, r, lane, fit.z[r]);
    put(w2_, r, lane, fit.w2[r]);
    fit.rows += fit.w2[r] > 0;
    square += fit.w2[r] * fit.z[r] * fit.z[r];
  }
  for (Index i = 0; i < n_; ++i) put(theta_, i, lane, fit.theta[static_cast<std::size_t>(i)]);
  for (Index j = 0; j < n_nodes_ - 2; ++j) put(precision_, j, lane, fit.precision[static_cast<std::size_t>(j)]);
  const auto l = static_cast<std::size_t>(lane);
  anchor_[l] = std::accumulate(fit.theta.begin(), fit.theta.begin() + n_nodes_, 0.0) / static_cast<double>(n_nodes_);
  form_gram(lane, fit.w2);
  if (fit.noise2 == 0) {
    // copies, as the order in which Eigen adds up depends on how memory is aligned
    const Vector z = Eigen::Map<const Vector>(fit.z, n_rows_), w2 = Eigen::Map<const Vector>(fit.w2, n_rows_);
    fit.noise2 = 0.1 * w2.dot((z - A_.topRows(n_rows_) * amplitudes(fit, n_nodes_)).cwiseAbs2()) / fit.rows;
  }
  smallest_noise2_[l] = kSmallestNoise2 * square / fit.rows;
  noise2_[l] = std::max(fit.noise2, smallest_noise2_[l]);
  damping_[l] = own.damping + kAlwaysDamped;
}

void LogLanes::form_gram(Index lane, const double* w2) {
  const RowMatrix half = Eigen::Map<const Vector>(w2, n_rows_).cwiseSqrt().asDiagonal() * A_.topRows(n_rows_);
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(n_, n_);
  gram.selfadjointView<Eigen::Upper>().rankUpdate(half.transpose());
  double* to = gram_.data() + lane;
  for (Index i = 0; i < n_; ++i) {
    for (Index j = 0; j <= i; ++j, to += kVecWidth) *to = gram(j, i);
  }
}

void LogLanes::evaluate(const Lanes& theta, Lanes& y, Lanes& residual) const {
  const auto n_logs = lanes_of(n_nodes_);
  for (std::size_t i = 0; i < n_logs; ++i) y[i] = std::exp(std::clamp(theta[i], kLowestLog, kHighestLog));
  std::copy(theta.begin() + static_cast<Index>(n_logs), theta.end(), y.begin() + static_cast<Index>(n_logs));
  multiply(A_, y.data(), residual.data());
  for (Index r = 0; r < n_rows_; ++r) set(residual, r, at(z_, r) - at(residual, r));
}

Vec LogLanes::rss(const Lanes& residual) const {
  Vec sum{};
  for (Index r = 0; r < n_rows_; ++r) sum += at(w2_, r) * at(residual, r) * at(residual, r);
  return sum;
}

Vec LogLanes::difference(const Lanes& u, Index j) const {
  return per_difference_ * (at(u, j) - 2 * at(u, j + 1) + at(u, j + 2));
}

Vec LogLanes::penalty(const Lanes& theta) const {
  Vec sum{};
  for (Index j = 0; j < n_nodes_ - 2; ++j) {
    const Vec d = difference(theta, j);
    sum += at(precision_, j) * d * d;
  }
  const Vec left = (at(theta, 1) - at(theta, 0)) / h_ - kEndSlope;
  const Vec right = (at(theta, n_nodes_ - 1) - at(theta, n_nodes_ - 2)) / h_ + kEndSlope;
  for (Index i = 0; i < n_nodes_; ++i) {
    const Vec away = at(theta, i) - load(anchor_.data());
    sum += kAnchor * away * away;
  }
  return sum + kEndPrecision * (left * left + right * right);
}

// Half the second derivatives of the objective (Gauss-Newton), damped, and half its negative gradient.
void LogLanes::assemble() {
  systems_.resize(n_);
  for (Index r = 0; r < n_rows_; ++r) set(trial_residual_, r, at(w2_, r) * at(residual_, r));
  multiply(At_, trial_residual_.data(), gradient_.data());
  const Vec per_noise = broadcast(1.0) / sqrt(load(noise2_.data()));
  const double* gram = gram_.data();
  for (Index i = 0; i < n_; ++i) {
    const Vec factor = (i < n_nodes_ ? at(y_, i) : broadcast(1.0)) * per_noise;
    set(trial_, i, factor);  // free until the step is known
    store(systems_.right_side(i), at(gradient_, i) * factor * per_noise);
    for (Index j = 0; j <= i; ++j, gram += kVecWidth) {
      store(systems_.entry(i, j), load(gram) * factor * at(trial_, j));
    }
    set(added_to_diagonal_, i, load(damping_.data()) * load(systems_.entry(i, i)));
  }
  const auto add = [this](Index i, Index j, Vec v) { store(systems_.entry(i, j), load(systems_.entry(i, j)) + v); };
  const auto push = [this](Index i, Vec v) { store(systems_.right_side(i), load(systems_.right_side(i)) + v); };
  for (Index j = 0; j < n_nodes_ - 2; ++j) {
    const Vec s = at(precision_, j) * (per_difference_ * per_difference_);
    add(j, j, s);
    add(j + 1, j, -2 * s);
    add(j + 2, j, s);
    add(j + 1, j + 1, 4 * s);
    add(j + 2, j + 1, -2 * s);
    add(j + 2, j + 2, s);
    const Vec pull = at(precision_, j) * per_difference_ * difference(theta_, j);
    push(j, -pull);
    push(j + 1, 2 * pull);
    push(j + 2, -pull);
  }
  for (Index i = 0; i < n_nodes_; ++i) {
    add(i, i, broadcast(kAnchor));
    push(i, kAnchor * (load(anchor_.data()) - at(theta_, i)));
  }
  const auto pull_slope = [&](Index i, double slope) {  // between nodes i and i + 1
    const Vec e = broadcast(kEndPrecision / (h_ * h_));
    add(i, i, e);
    add(i + 1, i, -e);
    add(i + 1, i + 1, e);
    const Vec pull = kEndPrecision / h_ * ((at(theta_, i + 1) - at(theta_, i)) / h_ - slope);
    push(i, pull);
    push(i + 1, -pull);
  };
  pull_slope(0, kEndSlope);
  pull_slope(n_nodes_ - 2, -kEndSlope);
  for (Index i = 0; i < n_; ++i) {
    store(systems_.entry(i, i), load(systems_.entry(i, i)) + at(added_to_diagonal_, i));
  }
}

// From the inverse X of the Cholesky factor: entries of X'X up to two beside the diagonal.
void LogLanes::find_band_of_inverse() {
  systems_.invert_factor();
  for (Lanes& diagonal : band_) std::ranges::fill(diagonal, 0.0);
  for (Index k = 0; k < n_; ++k) {
    for (Index apart = 0; apart < 3; ++apart) {
      Lanes& to = band_[static_cast<std::size_t>(apart)];
      for (Index i = 0; i + apart <= k; ++i) {
        set(to, i, at(to, i) + load(systems_.entry(k, i)) * load(systems_.entry(k, i + apart)));
      }
    }
  }
}

double LogLanes::difference(Index lane, Index j) const {
  return per_difference_ * (one(theta_, j, lane) - 2 * one(theta_, j + 1, lane) + one(theta_, j + 2, lane));
}

double LogLanes::difference_variance(Index lane, Index j) const {
  const auto b = [&](std::size_t apart, Index i) { return one(band_[apart], i, lane); };
  return per_difference_ * per_difference_ *
         (b(0, j) + 4 * b(0, j + 1) + b(0, j + 2) - 4 * b(1, j) - 4 * b(1, j + 1) + 2 * b(2, j));
}

// tr(H^-1 times the data's part of H), from what is left when the other parts are taken away.
double LogLanes::degrees_of_freedom(Index lane) const {
  auto dof = static_cast<double>(n_);
  for (Index j = 0; j < n_nodes_ - 2; ++j) dof -= one(precision_, j, lane) * difference_variance(lane, j);
  for (Index i = 0; i < n_nodes_; ++i) dof -= kAnchor * one(band_[0], i, lane);
  for (Index i = 0; i < n_; ++i) dof -= one(added_to_diagonal_, i, lane) * one(band_[0], i, lane);
  for (const Index i : {Index{0}, n_nodes_ - 2}) {
    dof -=
        kEndPrecision / (h_ * h_) * (one(band_[0], i, lane) + one(band_[0], i + 1, lane) - 2 * one(band_[1], i, lane));
  }
  return dof;
}

void LogLanes::step() {
  assemble();
  systems_.factorize();
  bool any_last = false, any_adapts = false;
  for (const Lane& lane : lanes_) {
    if (!lane.fit) continue;
    any_last = any_last || lane.last_pass;
    any_adapts = any_adapts || (lane.fit->steps >= kStepsBeforeAdapting && lane.fit->precisions != Precisions::kFixed);
  }
  PerLane log_determinant{};
  if (any_last) store(log_determinant.data(), systems_.log_det());
  systems_.solve();
  if (any_last || any_adapts) find_band_of_inverse();

  PerLane fraction;
  for (Index lane = 0; lane < kVecWidth; ++lane) fraction[static_cast<std::size_t>(lane)] = allowed_fraction(lane);
  const Vec part = load(fraction.data());
  for (Index i = 0; i < n_; ++i) set(trial_, i, at(theta_, i) + part * load(systems_.right_side(i)));

  double before[kVecWidth], after[kVecWidth], rss_before[kVecWidth], rss_after[kVecWidth];
  store(rss_before, rss(residual_));
  store(before, load(rss_before) / load(noise2_.data()) + penalty(theta_));
  evaluate(trial_, gradient_, trial_residual_);  // gradient_ has done its work and takes y
  store(rss_after, rss(trial_residual_));
  store(after, load(rss_after) / load(noise2_.data()) + penalty(trial_));

  for (Index lane = 0; lane < kVecWidth; ++lane) {
    const Lane& own = lanes_[static_cast<std::size_t>(lane)];
    if (!own.fit) continue;
    if (own.last_pass) {
      finish(lane, log_determinant[static_cast<std::size_t>(lane)], before[lane], rss_before[lane]);
      continue;
    }
    const bool accepted = after[lane] <= before[lane] + 1e-9 * std::abs(before[lane]);
    if (accepted) {
      const auto take = [lane](const Lanes& from, Lanes& to, Index count) {
        for (Index i = 0; i < count; ++i) put(to, i, lane, one(from, i, lane));
      };
      take(trial_, theta_, n_);
      take(gradient_, y_, n_);
      take(trial_residual_, residual_, n_rows_);
    }
    adapt(lane, accepted, accepted ? rss_after[lane] : rss_before[lane]);
  }
}

double LogLanes::largest_change(Index lane) const {
  const int steps = lanes_[static_cast<std::size_t>(lane)].fit->steps;
  return kLargestChange * std::pow(kSettling, std::max(0, steps - kStepsBeforeSettling));
}

double LogLanes::largest_gamma(Index lane) const {
  double largest = 0;
  for (Index i = 0; i < n_nodes_; ++i) largest = std::max(largest, one(y_, i, lane));
  return largest;
}

// Of the step, such that u moves by no more than kLargestMove. Zero where the factorisation failed.
double LogLanes::allowed_fraction(Index lane) {
  double largest = 0;
  for (Index i = 0; i < n_nodes_; ++i) {
    const double move = std::abs(systems_.right_side(i)[lane]);
    if (!std::isfinite(move)) return 0;
    largest = std::max(largest, move);
  }
  return std::min(1.0, kLargestMove / largest);
}

// Of u in the last step.
double LogLanes::move_that_matters(Index lane) {
  const double largest = largest_gamma(lane);
  double move = 0;
  for (Index i = 0; i < n_nodes_; ++i) {
    move = std::max(move, weight(one(y_, i, lane), largest) * std::abs(systems_.right_side(i)[lane]));
  }
  return move;
}

// After a step: damping, noise and precisions for the next, or the end.
void LogLanes::adapt(Index lane, bool accepted, double rss) {
  Lane& own = lanes_[static_cast<std::size_t>(lane)];
  LogFit& fit = *own.fit;
  own.damping = accepted ? std::max(own.damping * kLessDamping, kLeastDamping)
                         : std::min(own.damping * kMoreDamping, kMostDamping);
  double change = 0;
  const bool fixed = fit.precisions == Precisions::kFixed;
  if (!fixed && fit.steps >= kStepsBeforeAdapting) {
    const double dof = std::min(degrees_of_freedom(lane), kMostDofPerRow * fit.rows);
    const double target = rss / (fit.rows - dof);
    double& noise2 = noise2_[static_cast<std::size_t>(lane)];
    noise2 = std::max(std::pow(noise2, 0.3) * std::pow(target, 0.7), smallest_noise2_[static_cast<std::size_t>(lane)]);
    change = fit.precisions == Precisions::kCommon ? adapt_common(lane) : adapt_local(lane);
  }
  ++fit.steps;
  const double move = move_that_matters(lane);
  const bool at_rest =
      fixed ? move < kFixedMoveAtRest : fit.steps >= kFewestSteps && move < kMoveAtRest && change < kChangeAtRest;
  fit.converged = accepted && at_rest;
  own.last_pass = fit.converged || fit.steps >= kMostSteps;
  fit.converged = fit.converged || (own.last_pass && move < kMoveAtTheEnd);
  damping_[static_cast<std::size_t>(lane)] = own.last_pass ? 0 : own.damping + kAlwaysDamped;
}

// Both set the precisions of the next step and return how far their logarithms have moved.
double LogLanes::adapt_common(Index lane) {
  const Index count = n_nodes_ - 2;
  double squares = 1e-12, variances = 0;
  for (Index j = 0; j < count; ++j) {
    const double d = difference(lane, j);
    squares += d * d;
    variances += difference_variance(lane, j);
  }
  const double lambda = one(precision_, 0, lane);
  const double determined = std::max(static_cast<double>(count) - lambda * variances, 0.5);
  const double limit = largest_change(lane);
  const double change = std::clamp(std::log(determined / squares / lambda), -limit, limit);
  const double next = std::min(lambda * std::exp(change), kLargestPrecision);
  for (Index j = 0; j < count; ++j) put(precision_, j, lane, next);
  return std::abs(std::log(next / lambda));
}

double LogLanes::adapt_local(Index lane) {
  const Index count = n_nodes_ - 2;
  const double largest = largest_gamma(lane), limit = largest_change(lane);
  std::vector<double> expected(static_cast<std::size_t>(count));
  for (Index j = 0; j < count; ++j) {
    const double d = difference(lane, j);
    expected[static_cast<std::size_t>(j)] = d * d + difference_variance(lane, j);
  }
  expected = smoothed(expected);
  double mean_log = 0;
  for (const double e : expected) mean_log += std::log(e) / static_cast<double>(count);
  double change = 0;
  for (Index j = 0; j < count; ++j) {
    const double now = one(precision_, j, lane);
    const double wanted = (1 + kShrinkage) / (expected[static_cast<std::size_t>(j)] + kShrinkage * std::exp(mean_log));
    const double next = std::min(now * std::exp(std::clamp(std::log(wanted / now), -limit, limit)), kLargestPrecision);
    change = std::max(change, weight(one(y_, j + 1, lane), largest) * std::abs(std::log(next / now)));
    put(precision_, j, lane, next);
  }
  return change;
}

void LogLanes::finish(Index lane, double log_determinant, double objective, double rss) {
  Lane& own = lanes_[static_cast<std::size_t>(lane)];
  LogFit& fit = *own.fit;
  own.fit = nullptr;
  fit.noise2 = noise2_[static_cast<std::size_t>(lane)];
  fit.rss = rss;
  fit.dof = degrees_of_freedom(lane);
  double log_precisions = log_det_DDt_;
  for (Index j = 0; j < n_nodes_ - 2; ++j) {
    fit.precision[static_cast<std::size_t>(j)] = one(precision_, j, lane);
    log_precisions += std::log(one(precision_, j, lane));
  }
  for (Index i = 0; i < n_; ++i) fit.theta[static_cast<std::size_t>(i)] = one(theta_, i, lane);
  // the last term: a flat prior of width 4 for level and slope of u
  fit.evidence = -(objective + fit.rows * std::log(fit.noise2) + log_determinant - log_precisions) / 2 +
                 std::log(2 * std::numbers::pi) - std::log(16);
  fit.failed = !std::isfinite(fit.evidence);
}

}  // namespace drtengine
