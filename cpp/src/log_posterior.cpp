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
constexpr Index kWide = 6;  // directions along which the posterior is much wider than its curvature at the mode says
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
void multiply_panel(const RowMatrix& M, Entries entries, const double* in, double* out) {
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
Matrix widest_directions(const Matrix& S) {
  const Index n = S.rows();
  Matrix Q(n, std::min(kWide, n));
  for (Index k = 0; k < Q.cols(); ++k) Q.col(k) = S.col(k * n / Q.cols());
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    Q = multiply(S, Q);
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
  const Matrix A = w.asDiagonal() * design.A.leftCols(n), F = w.asDiagonal() * design.A.rightCols(n_free);
  Vector residual = w.cwiseProduct(z - design.A.leftCols(n) * gamma0);
  free_curvature = Cholesky(multiply_transposed(F, F));
  if (n_free > 0 && !free_curvature.succeeded()) throw NotPositiveDefinite("the free unknowns cannot be told apart");
  free0 = free_curvature.solve(F.transpose() * residual);
  const Matrix of_gamma = free_curvature.solve(multiply_transposed(F, A));
  free_of_gamma = of_gamma;
  residual -= F * free0;
  const Matrix reduced = A - multiply(F, of_gamma);
  rows = static_cast<double>((w2.array() > 0).count() - n_free);
  rss = residual.squaredNorm();
  gradient = -reduced.transpose() * residual;
  curvature = multiply_transposed(reduced, reduced);
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
  const Cholesky factor(H);
  if (!factor.succeeded()) throw NotPositiveDefinite("the curvature at the mode is not positive definite");
  whitening_transposed_ = with_whole_blocks(factor.solve_lower(Matrix::Identity(n_, n_)));
  whitening_ = whitening_transposed_.transpose();
}

// With Q'SQ the covariance in the widest directions, 1 + Q (Q'SQ - 1) Q' = UU' is wanted, U upper; its inverse is
// 1 + Q ((Q'SQ)^-1 - 1) Q' = LL', and U = L'^-1.
void LogPosterior::rescale(const Matrix& draws, Panel& z) {
  const Matrix centred = draws.colwise() - draws.rowwise().mean();
  const Matrix S = gram_of_rows(centred) / static_cast<double>(draws.cols());
  const Matrix Q = widest_directions(S);
  const Cholesky within(multiply_transposed(Q, multiply(S, Q)));
  if (!within.succeeded()) return;  // as good as before
  const Matrix change = within.inverse() - Matrix::Identity(Q.cols(), Q.cols());
  const Cholesky factor(Matrix::Identity(n_, n_) + multiply(Q, multiply(change, Q.transpose())));
  if (!factor.succeeded()) return;
  const Matrix U = factor.solve_upper(Matrix::Identity(n_, n_));
  whitening_ = with_whole_blocks(multiply(whitening_.topLeftCorner(n_, n_), U));
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
  multiply_panel(whitening_, Entries::kUpper, z.data(), f_.data());
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
  multiply_panel(whitening_transposed_, Entries::kLower, slope_.data(), gradient.data());
  return potential;
}

void LogPosterior::add_data(PerChain& potential, Panel& gradient) {
  multiply_panel(curvature_, Entries::kAll, from_mode_.data(), product_.data());
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
