#include "drtengine/ridge.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/factor.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// A factor with a smaller estimated error is used as it is; others are refined.
constexpr double kAccurate = 1e-9;
// Refinement stops when the next step would change x by less than about this.
constexpr double kRefined = 1e-11;
constexpr int kMaxRefinements = 8;
// How far an unknown may come to stand on the wrong side of zero by refinement, relative to the
// largest, before the active set counts as wrong.
constexpr double kSignTolerance = 1e-10;

// A Newton step of this relative length, taken with an inverse good to `factor_error`, leaves that
// share of itself; the gradient, computed without A'A, costs the square root of the condition.
double refined_error(double factor_error, double step) {
  return factor_error * step + std::sqrt(std::numeric_limits<double>::epsilon() * factor_error);
}

// Spectra in the order they are worked on. A pool shares its lambda and so one factorisation,
// unless every spectrum has weights, and with them a factorisation, of its own.
struct Pools {
  std::vector<Index> order;  // spectra
  std::vector<Index> begin;  // where each pool begins in `order`, and the end of the last

  Pools(Index n_spectra, ConstVectorView lambda, bool own_factors) : order(static_cast<std::size_t>(n_spectra)) {
    std::iota(order.begin(), order.end(), Index{0});
    const auto lambda_at = [&](Index i) { return lambda.size() == 1 ? lambda[0] : lambda[order[static_cast<std::size_t>(i)]]; };
    if (!own_factors && lambda.size() > 1) {
      std::ranges::stable_sort(order, {}, [&](Index s) { return lambda[s]; });
    }
    const Index size = own_factors ? kTile : kPool;
    for (Index i = 0; i < n_spectra; ++i) {
      const bool new_lambda = i > 0 && !own_factors && lambda_at(i) != lambda_at(i - 1);
      if (i == 0 || i - begin.back() == size || new_lambda) begin.push_back(i);
    }
    begin.push_back(n_spectra);
  }
  Index count() const { return static_cast<Index>(begin.size()) - 1; }
};

// What all threads share, and the results they write to, each its own rows.
struct Job {
  const Design& design;
  ConstMatrixView Z;
  RowWeights weights;
  ConstVectorView lambda;
  bool nonneg;
  Pools pools;
  RowMatrix weighted_rows, gram;  // W^2A and A'W^2A, where the weights are shared
  TileFactor A, At, M, outputs;
  Index n_outputs;
  Solutions& result;
};

// Takes pools through the solver. Each thread has one.
class Worker {
 public:
  explicit Worker(const Job& job)
      : job_(job),
        n_(job.design.size()),
        rows_(job.design.rows()),
        stride_(padded(n_)),
        row_stride_(padded(rows_)),
        solver_(n_, job.nonneg ? job.design.n_basis : 0),
        z_(RowMatrix::Zero(kPool, row_stride_)),
        w2_(z_),
        residual_(z_),
        x_(RowMatrix::Zero(kPool, stride_)),
        gradient_(x_),
        step_(x_),
        values_(RowMatrix::Zero(kPool, job.outputs.stride())) {
    if (job.weights.per_spectrum()) {
      own_factors_.emplace(job.design, job.weights.paired());
    } else {
      job.weights.squared(0, w2_.data());
      for (Index i = 1; i < kPool; ++i) w2_.row(i) = w2_.row(0);
    }
  }

  void operator()(Index begin, Index end) {
    for (Index pool = begin; pool < end; ++pool) solve_pool(pool);
  }

 private:
  // Problem i of the pool; those that fill the last tile repeat the last spectrum.
  Index spectrum(Index i) const { return job_.pools.order[static_cast<std::size_t>(first_ + std::min(i, count_ - 1))]; }
  double lambda(Index i) const { return job_.lambda.size() == 1 ? job_.lambda[0] : job_.lambda[spectrum(i)]; }

  void solve_pool(Index pool) {
    first_ = job_.pools.begin[static_cast<std::size_t>(pool)];
    count_ = job_.pools.begin[static_cast<std::size_t>(pool) + 1] - first_;
    load_spectra();
    try {
      factorize();
    } catch (const NotPositiveDefinite&) {
      for (Index i = 0; i < count_; ++i) fail(i, Status::kSingular);
      return write();
    }
    solve_unconstrained();
    const PoolMask solved = job_.nonneg ? solver_.solve(inverse_, x_.data()) : pool_mask(count_);
    if (needs_refinement_) refine(solved);
    for (Index i = 0; i < count_; ++i) finish(i, contains(solved, i));
    write();
  }

  void load_spectra() {
    for (Index i = 0; i < padded(count_); ++i) {
      z_.row(i).head(rows_) = job_.Z.row(spectrum(i));
      if (job_.weights.per_spectrum()) job_.weights.squared(spectrum(i), &w2_(i, 0));
    }
  }

  void factorize() {
    inverse_.resize(static_cast<std::size_t>(count_));
    if (own_factors_) {
      std::array<double, kTile> lambdas;
      for (Index i = 0; i < kTile; ++i) lambdas[static_cast<std::size_t>(i)] = lambda(i);
      own_factors_->factorize(w2_.data(), row_stride_, lambdas);
      for (Index i = 0; i < count_; ++i) inverse_[static_cast<std::size_t>(i)] = own_factors_->inverse(i);
      needs_refinement_ = true;
    } else {
      if (!shared_factor_ || shared_factor_->lambda() != lambda(0)) {
        shared_factor_.reset();
        shared_factor_.emplace(job_.weighted_rows, job_.gram, job_.design.M, lambda(0));
      }
      std::ranges::fill(inverse_, shared_factor_->G_tile().data());
      needs_refinement_ = !(shared_factor_->error() < kAccurate);
    }
    for (Index i = 0; i < count_; ++i) error_[static_cast<std::size_t>(i)] = factor_error(i);
  }

  double factor_error(Index i) const { return own_factors_ ? own_factors_->error(i) : shared_factor_->error(); }

  void multiply_inverse(const RowMatrix& in, RowMatrix& out) {
    if (own_factors_) {
      own_factors_->multiply_inverse(in.data(), out.data());
    } else {
      shared_factor_->G_tile().multiply(in.data(), stride_, count_, out.data());
    }
  }

  void solve_unconstrained() {
    if (own_factors_) {
      residual_.topRows(kTile) = z_.topRows(kTile).cwiseProduct(w2_.topRows(kTile));
      job_.A.multiply(residual_.data(), row_stride_, count_, gradient_.data());
      own_factors_->multiply_inverse(gradient_.data(), x_.data());
    } else {
      shared_factor_->solution().multiply(z_.data(), row_stride_, count_, x_.data());
    }
  }

  // gradient_ = A'W^2(z - Ax) - lambda Mx: the gradient without the rounding of a formed A'A.
  void exact_gradient() {
    job_.At.multiply(x_.data(), stride_, count_, residual_.data());
    for (Index i = 0; i < padded(count_); ++i) residual_.row(i) = w2_.row(i).cwiseProduct(z_.row(i) - residual_.row(i));
    job_.A.multiply(residual_.data(), row_stride_, count_, gradient_.data());
    job_.M.multiply(x_.data(), stride_, count_, step_.data());
    for (Index i = 0; i < count_; ++i) gradient_.row(i) -= lambda(i) * step_.row(i);
  }

  // Newton steps within the active sets; each gains the digits that the inverse is good for.
  void refine(PoolMask open) {
    exact_gradient();
    for (int round = 0; open != 0 && round < kMaxRefinements; ++round) {
      for (Index i = 0; i < count_; ++i) {
        for (const Index a : solver_.active(i)) gradient_(i, a) = 0;
      }
      multiply_inverse(gradient_, step_);
      solver_.project(inverse_, step_.data(), open);
      for (Index i = 0; i < count_; ++i) {
        if (!contains(open, i)) continue;
        x_.row(i) += step_.row(i);
        const double relative = step_.row(i).norm() / x_.row(i).norm();
        error_[static_cast<std::size_t>(i)] = refined_error(factor_error(i), relative);
        if (!(relative * relative > kRefined)) open &= ~(PoolMask{1} << i);
      }
      exact_gradient();
    }
  }

  // Checks what the fast solver found, sends the rest to the safe one.
  void finish(Index i, bool solved) {
    if (!x_.row(i).allFinite()) return fail(i, Status::kSingular);
    if (job_.nonneg && !(solved && signs_hold(i)) && !solve_again(i)) return fail(i, Status::kUnconverged);
    const Index n_basis = job_.design.n_basis;
    if (job_.nonneg) x_.row(i).head(n_basis) = x_.row(i).head(n_basis).cwiseMax(0);
    job_.result.error[spectrum(i)] = error_[static_cast<std::size_t>(i)];
    job_.result.status[static_cast<std::size_t>(spectrum(i))] = Status::kOk;
  }

  bool signs_hold(Index i) const {
    if (!needs_refinement_) return true;  // x is what the solver judged
    const double tolerance = kSignTolerance * x_.row(i).head(job_.design.n_basis).maxCoeff();
    if (x_.row(i).head(job_.design.n_basis).minCoeff() < -tolerance) return false;
    const double* G = inverse_[static_cast<std::size_t>(i)];
    return std::ranges::all_of(solver_.active(i),
                               [&](Index a) { return gradient_(i, a) * G[a * (stride_ + 1)] <= tolerance; });
  }

  bool solve_again(Index i) {
    const Design& design = job_.design;
    const Vector z = z_.row(i).head(rows_), w2 = w2_.row(i).head(rows_);
    const double own_lambda = lambda(i);
    const auto gradient = [&](const Vector& x) -> Vector {
      return design.A.transpose() * w2.cwiseProduct(z - design.A * x) - own_lambda * (design.M * x);
    };
    Vector x = x_.row(i).head(n_);
    const RowMatrix H = own_factors_ ? own_factors_->H(i) : shared_factor_->H();
    if (!solve_monotone(H, design.n_basis, gradient, x)) return false;
    x_.row(i).head(n_) = x;
    gradient_.row(i).head(n_) = gradient(x);
    return true;
  }

  void fail(Index i, Status reason) {
    x_.row(i).setConstant(kNaN);
    job_.result.error[spectrum(i)] = kNaN;
    job_.result.status[static_cast<std::size_t>(spectrum(i))] = reason;
  }

  void write() {
    job_.outputs.multiply(x_.data(), stride_, count_, values_.data());
    const Index n_basis = job_.design.n_basis, n_free = n_ - n_basis;
    for (Index i = 0; i < count_; ++i) {
      const Index s = spectrum(i);
      job_.result.coefficients.row(s) = x_.row(i).head(n_basis);
      job_.result.free.row(s) = x_.row(i).segment(n_basis, n_free).cwiseProduct(job_.design.scale.tail(n_free).transpose());
      job_.result.values.row(s) = values_.row(i).head(job_.n_outputs);
    }
  }

  const Job& job_;
  Index n_, rows_, stride_, row_stride_;
  PoolSolver solver_;
  RowMatrix z_, w2_, residual_;        // [problem, row]
  RowMatrix x_, gradient_, step_;      // [problem, unknown]
  std::array<double, kPool> error_{};  // [problem]
  RowMatrix values_;                   // [problem, output]
  std::optional<SharedFactor> shared_factor_;  // of the lambda met last
  std::optional<LaneFactor> own_factors_;
  std::vector<const double*> inverse_;  // [problem]
  bool needs_refinement_ = false;
  Index first_ = 0, count_ = 0;  // the pool at hand
};

}  // namespace

RowMatrix weighted_gram(const Design& design, const Vector& w2) {
  const RowMatrix half = w2.cwiseSqrt().asDiagonal() * design.A;
  RowMatrix gram = RowMatrix::Zero(design.size(), design.size());
  gram.selfadjointView<Eigen::Lower>().rankUpdate(half.transpose());
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return gram;
}

Solutions solve_ridge(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                      ConstMatrixView outputs, const SolveOptions& options) {
  const Index n_spectra = Z.rows();
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (lambda.size() != 1 && lambda.size() != n_spectra) throw InvalidInput("lambda must be one number or one a spectrum");
  for (const double l : lambda) {
    if (!(l > 0 && std::isfinite(l))) throw InvalidInput("lambda must be positive and finite");
  }
  if (outputs.rows() != design.n_basis) throw InvalidInput("outputs must have one row a basis function");

  Solutions result{RowMatrix(n_spectra, design.n_basis), RowMatrix(n_spectra, design.size() - design.n_basis),
                   RowMatrix(n_spectra, outputs.cols()), Vector(n_spectra),
                   std::vector<Status>(static_cast<std::size_t>(n_spectra))};
  const RowWeights row_weights(weights, design, n_spectra);
  Job job{design,
          Z,
          row_weights,
          lambda,
          options.nonneg,
          Pools(n_spectra, lambda, row_weights.per_spectrum()),
          {},
          {},
          TileFactor(design.A),
          TileFactor(design.A.transpose()),
          TileFactor(design.M),
          TileFactor(outputs),
          outputs.cols(),
          result};
  if (!row_weights.per_spectrum()) {
    Vector w2(design.rows());
    row_weights.squared(0, w2.data());
    job.weighted_rows = w2.asDiagonal() * design.A;
    job.gram = weighted_gram(design, w2);
  }
  parallel_for(job.pools.count(), 1, options.n_threads, options.keep_going, [&] { return Worker(job); });
  return result;
}

}  // namespace drtengine
