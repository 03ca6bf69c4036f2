#include "drtengine/log_posterior.hpp"

#include "drtengine/elementary.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/vec.hpp"

#include <algorithm>
#include <cmath>

namespace drtengine {
namespace {

constexpr Index kRowBlock = 8;
constexpr double kLowestLog = -80, kHighestLog = 60;
constexpr Index kWide = 6;      // directions along which the posterior is much wider than its curvature at the mode says
constexpr int kIterations = 12;
constexpr double kHold = 1e-6;  // precision of f about its level where nothing is said

Index whole_blocks(Index n) { return (n + kRowBlock - 1) / kRowBlock * kRowBlock; }

RowMatrix with_whole_blocks(const RowMatrix& matrix) {
  RowMatrix padded = RowMatrix::Zero(whole_blocks(matrix.rows()), whole_blocks(matrix.cols()));
  padded.topLeftCorner(matrix.rows(), matrix.cols()) = matrix;
  return padded;
}

enum class Entries { kAll, kUpper, kLower };  // where M is not zero

// out[i, chain] = sum_k M(i, k) in[k, chain]. M has whole blocks of rows and columns.
void multiply(const RowMatrix& M, Entries entries, const double* in, double* out) {
  for (Index i = 0; i < M.rows(); i += kRowBlock) {
    const Index begin = entries == Entries::kUpper ? i : 0;
    const Index end = entries == Entries::kLower ? i + kRowBlock : M.cols();
    for (Index group = 0; group < kChains; group += kVecWidth) {
      Vec sum[kRowBlock] = {};
      for (Index k = begin; k < end; ++k) {
        const Vec x = load(in + k * kChains + group);
        DRTENGINE_UNROLL
        for (Index r = 0; r < kRowBlock; ++r) sum[r] += M(i + r, k) * x;
      }
      for (Index r = 0; r < kRowBlock; ++r) store(out + (i + r) * kChains + group, sum[r]);
    }
  }
}

// An orthonormal basis [node, kWide] of about the directions in which the covariance S is largest, by subspace
// iteration.
Eigen::MatrixXd widest_directions(const Eigen::MatrixXd& S) {
  const Index n = S.rows();
  Eigen::MatrixXd Q(n, std::min(kWide, n));
  for (Index k = 0; k < Q.cols(); ++k) Q.col(k) = S.col(k * n / Q.cols());
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Q = (S * Q).eval();
    for (Index k = 0; k < Q.cols(); ++k) {
      for (Index j = 0; j < k; ++j) Q.col(k) -= Q.col(j).dot(Q.col(k)) * Q.col(j);
      Q.col(k).normalize();
    }
  }
  return Q;
}

}  // namespace

ReducedProblem::ReducedProblem(const Design& design, const LogFit& fit) {
  const Index n = design.n_basis, n_free = design.size() - n;
  const Eigen::Map<const Vector> z(fit.z, design.rows()), w2(fit.w2, design.rows());
  const Vector w = w2.cwiseSqrt(), y = amplitudes(fit, n);
  gamma0 = y.head(n);
  const Eigen::MatrixXd A = w.asDiagonal() * design.A.leftCols(n), F = w.asDiagonal() * design.A.rightCols(n_free);
  Vector residual = w.cwiseProduct(z - design.A.leftCols(n) * gamma0);
  const Eigen::LLT<Eigen::MatrixXd> normal(F.transpose() * F);
  if (n_free > 0 && normal.info() != Eigen::Success) throw NotPositiveDefinite("the free unknowns cannot be told apart");
  free0 = normal.solve(F.transpose() * residual);
  const Eigen::MatrixXd of_gamma = normal.solve(F.transpose() * A);
  free_of_gamma = of_gamma;
  const Eigen::MatrixXd inverse = normal.solve(Eigen::MatrixXd::Identity(n_free, n_free));
  free_factor = inverse.llt().matrixL();
  residual -= F * free0;
  const Eigen::MatrixXd reduced = A - F * of_gamma;
  rows = static_cast<double>((w2.array() > 0).count() - n_free);
  rss = residual.squaredNorm();
  gradient = -reduced.transpose() * residual;
  curvature = reduced.transpose() * reduced;
}

LogPosterior::LogPosterior(const ReducedProblem& problem, const LogFit& fit, double h, const LogPrior& prior)
    : problem_(problem),
      n_(problem.gamma0.size()),
      padded_(whole_blocks(n_)),
      h_(h),
      prior_(prior),
      curvature_(with_whole_blocks(problem.curvature)),
      mode_(Eigen::Map<const Vector>(fit.theta.data(), n_)),
      f_(static_cast<std::size_t>(panel_size())),
      gamma_(f_),
      from_mode_(f_),
      product_(f_),
      slope_(f_) {
  if (prior.hold == 0) {
    prior_.hold = kHold;
    prior_.level = mode_.mean();
  }
  RowMatrix H = problem.gamma0.asDiagonal() * problem.curvature * problem.gamma0.asDiagonal();
  H = (H / fit.noise2).eval() + roughness_matrix(fit.precision, h);
  H.diagonal().array() += prior_.hold;
  const Eigen::LLT<Eigen::MatrixXd> factor(H);
  if (factor.info() != Eigen::Success) throw NotPositiveDefinite("the curvature at the mode is not positive definite");
  const RowMatrix inverse = factor.matrixL().solve(Eigen::MatrixXd::Identity(n_, n_));
  whitening_transposed_ = with_whole_blocks(inverse);
  whitening_ = whitening_transposed_.transpose();
}

void LogPosterior::rescale(const Eigen::MatrixXd& draws, Panel& z) {
  const Eigen::MatrixXd centred = draws.colwise() - draws.rowwise().mean();
  const Eigen::MatrixXd S = centred * centred.transpose() / static_cast<double>(draws.cols());
  const Eigen::MatrixXd Q = widest_directions(S);
  const Eigen::MatrixXd within = Q.transpose() * S * Q - Eigen::MatrixXd::Identity(Q.cols(), Q.cols());
  Eigen::MatrixXd wanted = Eigen::MatrixXd::Identity(n_, n_) + Q * within * Q.transpose();
  // an upper factor, wanted = U U', is the lower one of the matrix turned round
  wanted = wanted.reverse().eval();
  const Eigen::LLT<Eigen::MatrixXd> turned(wanted);
  if (turned.info() != Eigen::Success) return;  // as good as before
  const Eigen::MatrixXd lower = turned.matrixL();
  const RowMatrix U = lower.reverse();
  const RowMatrix old = whitening_.topLeftCorner(n_, n_);
  whitening_ = with_whole_blocks(old * U);
  whitening_transposed_ = whitening_.transpose();
  for (Index i = n_ - 1; i >= 0; --i) {  // z = U^-1 z
    for (Index c = 0; c < kChains; ++c) {
      double sum = z[at(i, c)];
      for (Index k = i + 1; k < n_; ++k) sum -= U(i, k) * z[at(k, c)];
      z[at(i, c)] = sum / U(i, i);
    }
  }
}

PerChain LogPosterior::evaluate(const Panel& z, Panel& gradient) {
  multiply(whitening_, Entries::kUpper, z.data(), f_.data());
  for (Index i = 0; i < n_; ++i) {
    const double mode = mode_[i], gamma0 = problem_.gamma0[i];
    for (Index c = 0; c < kChains; ++c) {
      const double f = f_[at(i, c)] + mode;
      const double gamma = elementary::exp(std::min(std::max(f, kLowestLog), kHighestLog));
      f_[at(i, c)] = f;
      gamma_[at(i, c)] = gamma;
      from_mode_[at(i, c)] = gamma - gamma0;
    }
  }
  PerChain potential{};
  std::ranges::fill(slope_, 0.0);
  add_data(potential, slope_);
  add_prior(potential, slope_);
  multiply(whitening_transposed_, Entries::kLower, slope_.data(), gradient.data());
  return potential;
}

void LogPosterior::add_data(PerChain& potential, Panel& gradient) {
  multiply(curvature_, Entries::kAll, from_mode_.data(), product_.data());
  PerChain rss{};
  for (Index i = 0; i < n_; ++i) {
    const double g = problem_.gradient[i];
    for (Index c = 0; c < kChains; ++c) {
      const double product = product_[at(i, c)] + g;
      rss[static_cast<std::size_t>(c)] += from_mode_[at(i, c)] * (product + g);
      product_[at(i, c)] = product;
    }
  }
  const double shape = prior_.noise_shape + problem_.rows / 2;
  PerChain factor;
  for (std::size_t c = 0; c < kChains; ++c) {
    rss_[c] = std::max(problem_.rss + rss[c], 0.0);
    const double scale = prior_.noise_rate + rss_[c] / 2;
    potential[c] += shape * std::log(scale);
    factor[c] = shape / scale;
  }
  for (Index i = 0; i < n_; ++i) {
    for (Index c = 0; c < kChains; ++c) {
      gradient[at(i, c)] += factor[static_cast<std::size_t>(c)] * product_[at(i, c)] * gamma_[at(i, c)];
    }
  }
}

void LogPosterior::add_prior(PerChain& potential, Panel& gradient) {
  const double per_difference = std::pow(h_, -1.5);
  roughness_ = {};
  for (Index j = 0; j < n_ - 2; ++j) {
    for (Index c = 0; c < kChains; ++c) {
      const double d = per_difference * (f_[at(j, c)] - 2 * f_[at(j + 1, c)] + f_[at(j + 2, c)]);
      product_[at(j, c)] = d;
      roughness_[static_cast<std::size_t>(c)] += d * d;
    }
  }
  const double shape = prior_.lambda_shape + static_cast<double>(n_ - 2) / 2;
  PerChain factor;
  for (std::size_t c = 0; c < kChains; ++c) {
    const double rate = prior_.lambda_rate + roughness_[c] / 2;
    potential[c] += shape * std::log(rate);
    factor[c] = shape / rate * per_difference;
  }
  for (Index j = 0; j < n_ - 2; ++j) {
    for (Index c = 0; c < kChains; ++c) {
      const double pull = factor[static_cast<std::size_t>(c)] * product_[at(j, c)];
      gradient[at(j, c)] += pull;
      gradient[at(j + 1, c)] -= 2 * pull;
      gradient[at(j + 2, c)] += pull;
    }
  }
  const auto hold_slope = [&](Index i, double slope) {  // between nodes i and i + 1
    for (Index c = 0; c < kChains; ++c) {
      const double away = (f_[at(i + 1, c)] - f_[at(i, c)]) / h_ - slope, pull = kEndPrecision * away / h_;
      potential[static_cast<std::size_t>(c)] += kEndPrecision * away * away / 2;
      gradient[at(i, c)] -= pull;
      gradient[at(i + 1, c)] += pull;
    }
  };
  hold_slope(0, kEndSlope);
  hold_slope(n_ - 2, -kEndSlope);
  for (Index i = 0; i < n_; ++i) {
    for (Index c = 0; c < kChains; ++c) {
      const double away = f_[at(i, c)] - prior_.level;
      potential[static_cast<std::size_t>(c)] += prior_.hold * away * away / 2;
      gradient[at(i, c)] += prior_.hold * away;
    }
  }
}

}  // namespace drtengine
