#include "drtengine/element_fit.hpp"

#include "drtengine/vec.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace drtengine {
namespace {

constexpr int kMaxTries = 8;  // dampings tried for one step
constexpr double kFirstDamping = 1e-3, kLeastDamping = 1e-10, kMostDamping = 1e6;
constexpr double kRaise = 8, kLower = 0.15;
constexpr std::array<double, kPerElement> kLongestStep{1.5, 1.5, 0.25, 0.25};  // of ln R, ln tau, a, b
constexpr double kRounding = 1e-13;                                            // of rss
constexpr double kTiny = 1e-12;      // of the diagonal: keeps a singular matrix solvable
constexpr double kNoNoise = 1e-24;   // least sigma2, of the mean square of the data
constexpr double kAtOne = 1 - 1e-9;  // exponents above count as one
constexpr double kAtLimit = 1e-9;    // exponents as near to their lower limit count as there

// Ranges over which a parameter is believed possible beforehand.
constexpr double kRangeLogR = 5, kRangeA = 0.6, kRangeB = 0.85, kRangeBeyondBand = 2;
// What an element beyond the expected ones, one that is no ZARC, and a parameter at its bound cost.
constexpr double kCostElement = 3, kCostShape = 1, kCostBound = 2;

double sum_of(Vec v) {
  double x[kVecWidth], sum = 0;
  store(x, v);
  for (const double value : x) sum += value;
  return sum;
}

double square_sum(const AlignedVector<double>& x) {
  Vec sum{};
  for (std::size_t i = 0; i < x.size(); i += kVecWidth) {
    const Vec v = load(x.data() + i);
    sum += v * v;
  }
  return sum_of(sum);
}

constexpr int kBlock = 4;

// products[i][j] = sum of rows[i] times columns[j]
void multiply_block(const double* const* rows, const double* const* columns, Index length,
                    double (&products)[kBlock][kBlock]) {
  Vec sum[kBlock][kBlock] = {};
  for (Index k = 0; k < length; k += kVecWidth) {
    Vec row[kBlock];
    DRTENGINE_UNROLL
    for (int i = 0; i < kBlock; ++i) row[i] = load(rows[i] + k);
    DRTENGINE_UNROLL
    for (int j = 0; j < kBlock; ++j) {
      const Vec column = load(columns[j] + k);
      DRTENGINE_UNROLL
      for (int i = 0; i < kBlock; ++i) sum[i][j] += row[i] * column;
    }
  }
  for (int i = 0; i < kBlock; ++i) {
    for (int j = 0; j < kBlock; ++j) products[i][j] = sum_of(sum[i][j]);
  }
}

}  // namespace

ElementFitter::ElementFitter(const ElementModel& model)
    : model_(model),
      root_weight_(static_cast<std::size_t>(model.rows()), 0.0),
      target_(root_weight_),
      zeros_(root_weight_) {
  for (Place* place : {&here_, &there_}) {
    place->residual.assign(static_cast<std::size_t>(model.rows()), 0.0);
    place->jacobian = RowMatrix::Zero(kMaxParameters, model.rows());
  }
}

bool ElementFitter::load(const Eigen::Ref<const Eigen::RowVectorXd>& Z,
                         const Eigen::Ref<const Eigen::RowVectorXd>& weights) {
  const Index n = model_.points();
  const bool by_part = weights.size() == 2 * n;
  double weighted = 0, weight = 0;
  used_rows_ = 0;
  for (Index i = 0; i < 2 * n; ++i) {
    const double w = weights[by_part ? i : i / 2];
    if (!(w >= 0) || !std::isfinite(w) || !std::isfinite(Z[i])) return false;
    used_rows_ += w > 0;
    weighted += w * Z[i] * Z[i];
    weight += w;
  }
  unit_ = std::sqrt(weighted / weight);
  if (!(unit_ > 0 && std::isfinite(unit_))) return false;
  for (Index i = 0; i < n; ++i) {
    for (const Index part : {0, 1}) {
      const auto row = static_cast<std::size_t>(part == 0 ? i : model_.imag(i));
      root_weight_[row] = std::sqrt(weights[by_part ? 2 * i + part : i]);
      target_[row] = root_weight_[row] * (Z[2 * i + part] / unit_);
    }
  }
  return true;
}

void ElementFitter::evaluate(Place& place) {
  model_.evaluate(place.sum, root_weight_.data(), target_.data(), place.residual.data(), place.jacobian.data());
  place.rss = square_sum(place.residual);
}

void ElementFitter::normal_equations() {
  const auto n = static_cast<Index>(list_.size());
  const Index length = model_.rows(), blocks = (n + kBlock) / kBlock;  // one row more, the residual
  std::array<const double*, kMaxParameters + 1 + kBlock> rows;
  rows.fill(zeros_.data());
  for (Index i = 0; i < n; ++i) {
    rows[static_cast<std::size_t>(i)] = &here_.jacobian(list_[static_cast<std::size_t>(i)], 0);
  }
  rows[static_cast<std::size_t>(n)] = here_.residual.data();
  gram_.resize(n, n);
  gradient_.resize(n);
  for (Index bi = 0; bi < blocks; ++bi) {
    for (Index bj = 0; bj <= bi; ++bj) {
      double products[kBlock][kBlock];
      multiply_block(&rows[static_cast<std::size_t>(bi * kBlock)], &rows[static_cast<std::size_t>(bj * kBlock)], length,
                     products);
      for (Index i = bi * kBlock; i < std::min(n + 1, (bi + 1) * kBlock); ++i) {
        for (Index j = bj * kBlock; j < std::min(n, (bj + 1) * kBlock); ++j) {
          const double product = products[i - bi * kBlock][j - bj * kBlock];
          if (i == n) {
            gradient_[j] = product;
          } else {
            gram_(i, j) = gram_(j, i) = product;
          }
        }
      }
    }
  }
}

// One step from here_ over the `moving` parameters, damped until rss does not rise; by how much it
// fell, and by how much it was to fall.
bool ElementFitter::step(ParameterSet moving, double& damping, double& decrease, double& predicted) {
  List chosen;
  for (const Index j : list_) {
    if (moving[static_cast<std::size_t>(j)]) chosen.push_back(j);
  }
  const auto n = static_cast<Index>(chosen.size());
  Small matrix(n, n);
  SmallVector right(n);
  for (Index i = 0; i < n; ++i) {
    const Index pi = place_[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])];
    right[i] = gradient_[pi];
    for (Index j = 0; j < n; ++j) {
      matrix(i, j) = gram_(pi, place_[static_cast<std::size_t>(chosen[static_cast<std::size_t>(j)])]);
    }
  }
  const SmallVector diagonal = matrix.diagonal().array() + kTiny * matrix.diagonal().maxCoeff();
  Small damped(n, n);
  for (int attempt = 0; attempt < kMaxTries; ++attempt, damping = std::min(damping * kRaise, kMostDamping)) {
    damped = matrix;
    damped.diagonal() += damping * diagonal;
    damped.diagonal().array() += 1e-14 * diagonal.maxCoeff();
    const Eigen::LLT<Eigen::Ref<Small>> cholesky(damped);
    if (cholesky.info() != Eigen::Success) continue;
    const SmallVector move = cholesky.solve(right);
    double scale = 1;
    for (Index i = 0; i < n; ++i) {
      const Index j = chosen[static_cast<std::size_t>(i)];
      if (j < kSeries) continue;
      const double longest = kLongestStep[static_cast<std::size_t>((j - kSeries) % kPerElement)];
      scale = std::min(scale, longest / std::max(std::abs(move[i]), longest));
    }
    there_.sum = here_.sum;
    for (Index i = 0; i < n; ++i) {
      const Index j = chosen[static_cast<std::size_t>(i)];
      const Bounds bounds = model_.bounds(j);
      double& value = there_.sum.value[static_cast<std::size_t>(j)];
      value = std::clamp(value + scale * move[i], bounds.low, bounds.high);
    }
    evaluate(there_);
    if (there_.rss <= (1 + kRounding) * here_.rss) {
      decrease = here_.rss - there_.rss;
      predicted = scale * right.dot(move);  // tells small steps from none where rss is rounded
      std::swap(here_, there_);
      damping = std::max(damping * kLower, kLeastDamping);
      return true;
    }
  }
  return false;
}

ElementFit ElementFitter::fit(const ElementSum& start, int max_iterations, double tolerance, ParameterSet held) {
  here_.sum = start;
  free_ = model_.free_parameters(start) & ~held;
  list_.clear();
  for (Index j = 0; j < kMaxParameters; ++j) {
    if (!free_[static_cast<std::size_t>(j)]) continue;
    place_[static_cast<std::size_t>(j)] = static_cast<Index>(list_.size());
    list_.push_back(j);
    double& value = here_.sum.value[static_cast<std::size_t>(j)];
    const Bounds bounds = model_.bounds(j);
    value = std::clamp(value, bounds.low, bounds.high);
  }
  evaluate(here_);
  normal_equations();
  bool converged = false;
  double damping = kFirstDamping;
  for (int iteration = 0; iteration < max_iterations; ++iteration) {
    ParameterSet moving = free_;
    for (const Index j : list_) {
      const Bounds bounds = model_.bounds(j);
      const double value = here_.sum.value[static_cast<std::size_t>(j)];
      const double downhill = gradient_[place_[static_cast<std::size_t>(j)]];
      if ((value <= bounds.low && downhill < 0) || (value >= bounds.high && downhill > 0)) {
        moving[static_cast<std::size_t>(j)] = false;
      }
    }
    double decrease = 0, predicted = 0;
    if (!step(moving, damping, decrease, predicted)) {
      converged = true;  // no descent is left in the digits of rss
      break;
    }
    normal_equations();
    const double sigma2 = here_.rss / static_cast<double>(used_rows_);
    converged = !(decrease >= kAtRest * sigma2);
    if (!(std::max(decrease, predicted) >= tolerance * sigma2)) break;
  }
  return assess(converged);
}

ElementFit ElementFitter::assess(bool converged) {
  ElementFit fit;
  fit.sum = here_.sum;
  fit.rss = here_.rss;
  fit.converged = converged && std::isfinite(here_.rss);
  for (const Index j : list_) {
    const Bounds bounds = model_.bounds(j);
    const double value = here_.sum.value[static_cast<std::size_t>(j)];
    fit.inner[static_cast<std::size_t>(j)] = value > bounds.low && value < bounds.high;
  }
  if (std::cmp_less_equal(used_rows_, list_.size()) || !std::isfinite(fit.rss)) return fit;
  const Index freedom = used_rows_ - static_cast<Index>(fit.inner.count());
  // noise-free data leave rounding, whose size says nothing
  fit.sigma2 = std::max(fit.rss, kNoNoise * static_cast<double>(used_rows_)) / static_cast<double>(freedom);
  fit.score = score(fit);
  return fit;
}

double ElementFitter::prior_precision(Index j) const {
  if (j < kSeries) return 0;
  const std::array<double, kPerElement> ranges{kRangeLogR, model_.band() + kRangeBeyondBand, kRangeA, kRangeB};
  const double range = ranges[static_cast<std::size_t>((j - kSeries) % kPerElement)];
  return 2 * std::numbers::pi / (range * range);  // a normal density as high as the uniform one over the range
}

// ln |J'J/sigma2 + prior| over some of the parameters.
double ElementFitter::log_determinant(const List& parameters, double sigma2) {
  const auto n = static_cast<Index>(parameters.size());
  Small matrix(n, n);
  for (Index i = 0; i < n; ++i) {
    const Index row = parameters[static_cast<std::size_t>(i)];
    for (Index j = 0; j < n; ++j) {
      matrix(i, j) = gram_(place_[static_cast<std::size_t>(row)],
                           place_[static_cast<std::size_t>(parameters[static_cast<std::size_t>(j)])]) /
                     sigma2;
    }
    matrix(i, i) += kTiny * matrix(i, i) + prior_precision(row);
  }
  const Eigen::LLT<Eigen::Ref<Small>> cholesky(matrix);
  if (cholesky.info() != Eigen::Success) return HUGE_VAL;
  double log_det = 0;
  for (Index i = 0; i < n; ++i) log_det += 2 * std::log(matrix(i, i));
  return log_det;
}

// ln of the probability of the data, up to what all models of the spectrum share (flat priors of
// R_inf, L, 1/C), plus ln of the prior of the model. The prior's precision stands in the Laplace
// approximation because two elements in one place are not told apart by the data: what the data do
// not know must count as nothing, neither for nor against.
double ElementFitter::score(const ElementFit& fit) {
  List inner, series;
  double log_prior = 0;
  for (const Index j : list_) {
    if (!fit.inner[static_cast<std::size_t>(j)]) continue;
    inner.push_back(j);
    if (j < kSeries) {
      series.push_back(j);
    } else {
      log_prior += 0.5 * std::log(prior_precision(j));
    }
  }
  const auto m = static_cast<double>(used_rows_), shape = static_cast<double>(inner.size() - series.size());
  const double laplace = -0.5 * log_determinant(inner, fit.sigma2) + log_prior;
  const double bic = -0.5 * log_determinant(series, fit.sigma2) - 0.5 * shape * std::log(m);

  double prior = -kCostElement * static_cast<double>(std::max<Index>(0, fit.sum.count - expected_));
  for (Index k = 0; k < fit.sum.count; ++k) {
    prior += std::log(static_cast<double>(k + 1));  // elements have no order
    const double a = fit.sum.at(k, kA), b = fit.sum.at(k, kB);
    const bool zarc = fit.sum.kind[static_cast<std::size_t>(k)] == Kind::kZarc;
    const int at_bounds =
        (a >= kAtOne) + (b >= kAtOne && !zarc) + (a <= kSmallestA + kAtLimit) + (b <= kSmallestB + kAtLimit);
    prior -= kCostBound * at_bounds + (zarc ? 0 : kCostShape);
  }
  return -0.5 * m * std::log(fit.sigma2) - 0.5 * fit.rss / fit.sigma2 + std::min(laplace, bic) + prior;
}

double ElementFitter::score_offset() const {
  const ElementSum none;
  return (static_cast<double>(model_.free_parameters(none).count()) - static_cast<double>(used_rows_)) *
         std::log(unit_);
}

void ElementFitter::fit_series(ElementSum& sum) {
  ParameterSet held;
  for (Index j = kSeries; j < kMaxParameters; ++j) held[static_cast<std::size_t>(j)] = true;
  sum = fit(sum, 2, kPolished, held).sum;
}

RowMatrix ElementFitter::covariance(const ElementFit& result) {
  ParameterSet outer = ~result.inner;
  fit(result.sum, 0, kPolished, outer);  // sets up the normal equations
  const auto n = static_cast<Index>(list_.size());
  Small matrix = gram_;
  const SmallVector scale = matrix.diagonal().cwiseSqrt().cwiseInverse();
  matrix = scale.asDiagonal() * matrix * scale.asDiagonal();
  const Eigen::LDLT<Small> cholesky(matrix);
  RowMatrix inverse = scale.asDiagonal() * cholesky.solve(Small::Identity(n, n)) * scale.asDiagonal();
  RowMatrix covariance = RowMatrix::Zero(kMaxParameters, kMaxParameters);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      covariance(list_[static_cast<std::size_t>(i)], list_[static_cast<std::size_t>(j)]) =
          result.sigma2 * inverse(i, j);
    }
  }
  return covariance;
}

}  // namespace drtengine
