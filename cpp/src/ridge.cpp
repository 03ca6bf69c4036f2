#include "drtengine/ridge.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/factor.hpp"
#include "drtengine/monotone.hpp"
#include "drtengine/pages.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// A solution whose factor has a smaller estimated error is used as it is; others are refined. The
// error has been found to be 0.5 to 4 times the estimate.
constexpr double kAccurate = 2e-9;
// Up to this error the inverse of H can tell which unknowns are zero.
constexpr double kTellsZeros = 1e-7;
// Refinement stops when the next step would change x by less than about this.
constexpr double kRefined = 1e-11;
constexpr int kMaxRefinements = 8;
// How far an unknown may come to stand on the wrong side of zero by refinement, relative to the
// largest, before the set of zeros counts as wrong.
constexpr double kSignTolerance = 1e-10;
// Rounding of x and of the multipliers, and of the gradient, seen from the two sides of the problem.
constexpr PivotTolerance kZerosTolerance{1e-13, 1e-13}, kPositiveTolerance{1e-14, 1e-11};

// Spectra in the order they are worked on. A pool shares its lambda and so one factorisation,
// unless every spectrum has weights, and with them a factorisation, of its own.
struct Pools {
  std::vector<Index> order;  // spectra
  std::vector<Index> begin;  // where each pool begins in `order`, and the end of the last

  Pools(Index n_spectra, ConstVectorView lambda, bool own_factors) : order(static_cast<std::size_t>(n_spectra)) {
    std::iota(order.begin(), order.end(), Index{0});
    const auto lambda_at = [&](Index i) {
      return lambda.size() == 1 ? lambda[0] : lambda[order[static_cast<std::size_t>(i)]];
    };
    if (!own_factors && lambda.size() > 1) {
      std::ranges::sort(order, {}, [&](Index s) { return std::pair(lambda[s], s); });
    }
    const Index size = own_factors ? LaneFactor::kSpectra : kPool;
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
  std::optional<SharedRows> shared_rows;  // where the weights are shared
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
        zeros_(n_, job.design.n_basis, Side::kZeros),
        positive_(n_, job.design.n_basis, Side::kPositive),
        rough_(n_, job.design.n_basis, Side::kZeros),
        rough_inverse_(kPool),
        z_(RowMatrix::Zero(kPool, row_stride_)),
        w2_(z_),
        residual_(z_),
        x_(RowMatrix::Zero(kPool, stride_)),
        gradient_(x_),
        step_(x_),
        tile_x_(RowMatrix::Zero(kTile, stride_)),
        tile_gradient_(tile_x_),
        tile_step_(tile_x_),
        tile_residual_(RowMatrix::Zero(kTile, row_stride_)),
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
    converged_ = ~PoolMask{0};
    const PoolMask all = pool_mask(count_), accurate = where_error_below(kAccurate);
    if (job_.nonneg) {
      const PoolMask solved = solve_for_zeros(where_error_below(kTellsZeros));
      solve_for_positive(all & ~(solved & accurate));
    } else {
      refine_unconstrained(all & ~accurate);
    }
    for (Index i = 0; i < count_; ++i) finish(i);
    write();
  }

  PoolMask where_error_below(double limit) const {
    PoolMask mask = 0;
    for (Index i = 0; i < count_; ++i) mask |= factor_error(i) < limit ? pool_bit(i) : 0;
    return mask;
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
      std::array<double, LaneFactor::kSpectra> lambdas;
      for (Index i = 0; i < LaneFactor::kSpectra; ++i) lambdas[static_cast<std::size_t>(i)] = lambda(i);
      own_factors_->factorize(w2_.data(), row_stride_, count_, lambdas);
      for (Index i = 0; i < count_; ++i) {
        inverse_[static_cast<std::size_t>(i)] = own_factors_->inverse(i);
        rough_inverse_[static_cast<std::size_t>(i)] = own_factors_->rough_inverse(i);
      }
    } else {
      if (!shared_factor_ || shared_factor_->lambda() != lambda(0)) {
        shared_factor_.reset();
        shared_factor_.emplace(*job_.shared_rows, job_.design.M, lambda(0));
      }
      std::ranges::fill(inverse_, shared_factor_->G_tile().data());
      std::ranges::fill(rough_inverse_, shared_factor_->rough_inverse());
    }
    for (Index i = 0; i < count_; ++i) error_[static_cast<std::size_t>(i)] = factor_error(i);
  }

  double factor_error(Index i) const { return own_factors_ ? own_factors_->error(i) : shared_factor_->error(); }

  void solve_unconstrained() {
    if (own_factors_) {
      right_sides(gradient_);
      own_factors_->multiply_inverse(gradient_.data(), count_, x_.data());
    } else {
      shared_factor_->solve(z_.data(), row_stride_, count_, x_.data());
    }
  }

  // gradient_ = A'W^2(z - Ax) - lambda Mx: the gradient without the rounding of a formed A'A.
  void exact_gradients(std::span<const Index> problems) {
    for (std::size_t first = 0; first < problems.size(); first += kTile) {
      const std::span some = problems.subspan(first, std::min<std::size_t>(kTile, problems.size() - first));
      for (Index k = 0; const Index i : some) tile_x_.row(k++) = x_.row(i);
      job_.At.multiply(tile_x_.data(), stride_, kTile, tile_residual_.data());
      for (Index k = 0; const Index i : some) {
        tile_residual_.row(k) = w2_.row(i).cwiseProduct(z_.row(i) - tile_residual_.row(k));
        ++k;
      }
      job_.A.multiply(tile_residual_.data(), row_stride_, kTile, tile_gradient_.data());
      job_.M.multiply(tile_x_.data(), stride_, kTile, tile_step_.data());
      for (Index k = 0; const Index i : some) {
        gradient_.row(i) = tile_gradient_.row(k) - lambda(i) * tile_step_.row(k);
        ++k;
      }
    }
  }

  void exact_gradients(PoolMask problems) {
    std::array<Index, kPool> list;
    std::size_t count = 0;
    for_each(problems, [&](Index i) { list[count++] = i; });
    exact_gradients(std::span(list).first(count));
  }

  // g = A'W^2z
  void right_sides(RowMatrix& g) {
    for (Index i = 0; i < padded(count_); ++i) residual_.row(i) = w2_.row(i).cwiseProduct(z_.row(i));
    job_.A.multiply(residual_.data(), row_stride_, count_, g.data());
  }

  // Turns x_ from the unconstrained into the non-negative solution with the inverse of H alone.
  PoolMask solve_for_zeros(PoolMask problems) {
    tolerance_.assign(static_cast<std::size_t>(count_), kZerosTolerance);
    for (Index i = 0; i < count_; ++i) {
      zeros_.guess_from(i, &x_(i, 0));
      // where the answer will be refined, signs below the error of the inverse need not be right yet
      const double error = factor_error(i);
      if (!(error < kAccurate)) tolerance_[static_cast<std::size_t>(i)] = {error, error};
    }
    rough_.improve_guesses(zeros_, rough_inverse_, x_.data(), problems);
    return zeros_.solve(inverse_, x_.data(), tolerance_, problems);
  }

  // The same with parts of H itself, starting from where x_ is positive, refined by Newton steps.
  void solve_for_positive(PoolMask problems) {
    if (problems == 0) return;
    matrices_.resize(static_cast<std::size_t>(count_));
    tolerance_.assign(static_cast<std::size_t>(count_), kPositiveTolerance);
    for_each(problems, [this](Index i) {
      matrices_[static_cast<std::size_t>(i)] = own_factors_ ? own_factors_->H_rows(i) : shared_factor_->H_rows();
      positive_.guess_from(i, &x_(i, 0));
    });
    right_sides(step_);
    step_ = -step_;
    const PoolMask solved = positive_.solve(matrices_, step_.data(), tolerance_, problems);
    for_each(problems, [this](Index i) {
      x_.row(i).setZero();
      add_values(i);
    });
    exact_gradients(problems);
    step_ = -gradient_;
    PoolMask open = solved;
    std::array<double, kPool> first_step;
    std::array<int, kPool> rounds{};
    positive_.solve_values(matrices_, step_.data(), solved, [&, this](std::span<const Index> some) {
      bool any_open = false;
      for (const Index i : some) {
        if (!contains(open, i)) continue;
        const auto p = static_cast<std::size_t>(i);
        const double step = relative_to_x(i, add_values(i));
        if (rounds[p]++ == 0) first_step[p] = step;
        // the first step is the error of such steps
        if (is_refined(i, step, first_step[p]) || rounds[p] == kMaxRefinements) open &= ~pool_bit(i);
        any_open = any_open || contains(open, i);
      }
      exact_gradients(some);
      for (const Index i : some) step_.row(i) = -gradient_.row(i);
      return any_open;
    });
    for_each(problems, [&, this](Index i) {
      if (!(contains(solved, i) && signs_hold(i))) solve_monotonely(i);
    });
  }

  // x += v, which is zero outside the set; returns |v|.
  double add_values(Index i) {
    double square = 0;
    const std::span v = positive_.values(i);
    for (std::size_t k = 0; k < positive_.set(i).size(); ++k) {
      x_(i, positive_.set(i)[k]) += v[k];
      square += v[k] * v[k];
    }
    return std::sqrt(square);
  }

  void refine_unconstrained(PoolMask open) {
    exact_gradients(open);
    for (int round = 0; open != 0 && round < kMaxRefinements; ++round) {
      if (own_factors_) {
        own_factors_->multiply_inverse(gradient_.data(), count_, step_.data());
      } else {
        shared_factor_->G_tile().multiply(gradient_.data(), stride_, count_, step_.data());
      }
      for_each(open, [&, this](Index i) {
        x_.row(i) += step_.row(i);
        if (is_refined(i, relative_to_x(i, step_.row(i).norm()), factor_error(i))) open &= ~pool_bit(i);
      });
      exact_gradients(open);
    }
  }

  double relative_to_x(Index i, double length) const {
    const double norm = x_.row(i).norm();
    return norm > 0 ? length / norm : 0;  // data of zeros have an answer of zeros
  }

  // After a Newton step of relative length `step` by a solver good to `solver_error`: notes the
  // error that is left, rounding of the gradient included, and says whether that will do.
  bool is_refined(Index i, double step, double solver_error) {
    const double next = step * std::max(step, solver_error);
    error_[static_cast<std::size_t>(i)] = next + std::sqrt(kEpsilon * factor_error(i));
    return !(next > kRefined);
  }

  bool signs_hold(Index i) const {
    const Index n_basis = job_.design.n_basis;
    const double tolerance = kSignTolerance * x_.row(i).head(n_basis).maxCoeff();
    const double* G = inverse_[static_cast<std::size_t>(i)];
    for (Index j = 0; j < n_basis; ++j) {
      if (x_(i, j) < -tolerance) return false;
      if (x_(i, j) == 0 && gradient_(i, j) * G[j * (stride_ + 1)] > tolerance) return false;
    }
    return true;
  }

  void solve_monotonely(Index i) {
    const Design& design = job_.design;
    const Vector z = z_.row(i).head(rows_), w2 = w2_.row(i).head(rows_);
    const double own_lambda = lambda(i);
    const auto gradient = [&](const Vector& x) -> Vector {
      return design.A.transpose() * w2.cwiseProduct(z - design.A * x) - own_lambda * (design.M * x);
    };
    Vector x = x_.row(i).head(n_);
    const RowMatrix H = Eigen::Map<const RowMatrix, 0, Eigen::OuterStride<>>(matrices_[static_cast<std::size_t>(i)], n_,
                                                                             n_, Eigen::OuterStride<>(stride_));
    if (!solve_monotone(H, design.n_basis, gradient, x)) converged_ &= ~pool_bit(i);
    is_refined(i, 0, 0);
    x_.row(i).head(n_) = x;
  }

  void finish(Index i) {
    if (!std::isfinite(x_.row(i).cwiseAbs().maxCoeff<Eigen::PropagateNaN>()) ||
        !std::isfinite(error_[static_cast<std::size_t>(i)])) {
      return fail(i, Status::kSingular);
    }
    if (!contains(converged_, i)) return fail(i, Status::kUnconverged);
    const Index n_basis = job_.design.n_basis;
    if (job_.nonneg) x_.row(i).head(n_basis) = x_.row(i).head(n_basis).cwiseMax(0);
    job_.result.error[spectrum(i)] = error_[static_cast<std::size_t>(i)];
    job_.result.status[static_cast<std::size_t>(spectrum(i))] = Status::kOk;
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
      job_.result.free.row(s) =
          x_.row(i).segment(n_basis, n_free).cwiseProduct(job_.design.scale.tail(n_free).transpose());
      job_.result.values.row(s) = values_.row(i).head(job_.n_outputs);
    }
  }

  const Job& job_;
  Index n_, rows_, stride_, row_stride_;
  PivotPool<double> zeros_, positive_;
  RoughPivots rough_;
  PivotPool<float>::Matrices rough_inverse_;
  RowMatrix z_, w2_, residual_;    // [problem, row]
  RowMatrix x_, gradient_, step_;  // [problem, unknown]
  RowMatrix tile_x_, tile_gradient_, tile_step_, tile_residual_;
  std::array<double, kPool> error_{};          // [problem]
  RowMatrix values_;                           // [problem, output]
  std::optional<SharedFactor> shared_factor_;  // of the lambda met last
  std::optional<LaneFactor> own_factors_;
  PivotPool<double>::Matrices inverse_, matrices_;  // [problem] G and H
  std::vector<PivotTolerance> tolerance_;
  PoolMask converged_ = 0;
  Index first_ = 0, count_ = 0;  // the pool at hand
};

}  // namespace

Solutions solve_ridge(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                      ConstMatrixView outputs, const SolveOptions& options) {
  const Index n_spectra = Z.rows();
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (lambda.size() != 1 && lambda.size() != n_spectra)
    throw InvalidInput("lambda must be one number or one a spectrum");
  for (const double l : lambda) {
    if (!(l > 0 && std::isfinite(l))) throw InvalidInput("lambda must be positive and finite");
  }
  if (outputs.rows() != design.n_basis) throw InvalidInput("outputs must have one row a basis function");

  Solutions result{large_matrix(n_spectra, design.n_basis), RowMatrix(n_spectra, design.size() - design.n_basis),
                   large_matrix(n_spectra, outputs.cols()), Vector(n_spectra),
                   std::vector<Status>(static_cast<std::size_t>(n_spectra))};
  const RowWeights row_weights(weights, options.own_weights, design, n_spectra);
  Job job{design,
          Z,
          row_weights,
          lambda,
          options.nonneg,
          Pools(n_spectra, lambda, row_weights.per_spectrum()),
          std::nullopt,
          TileFactor(design.A),
          TileFactor(design.A.transpose()),
          TileFactor(design.M),
          TileFactor(outputs),
          outputs.cols(),
          result};
  if (!row_weights.per_spectrum()) {
    Vector w2(design.rows());
    row_weights.squared(0, w2.data());
    job.shared_rows.emplace(design, w2);
  }
  parallel_for(job.pools.count(), 1, options.n_threads, options.keep_going, [&] { return Worker(job); });
  return result;
}

}  // namespace drtengine
