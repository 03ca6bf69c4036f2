#include "drtengine/criteria.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

// The residual cannot be told from zero below this share of |Wz|^2.
constexpr double kRounding = std::numeric_limits<double>::epsilon();

// Minus the curvature of (log residual, log roughness)/2 over ln lambda, from the two and the
// derivatives of the residual. f = sigma/d falls with ln lambda as f' = -f (1 - f), and residual' =
// -lambda roughness'. `roughness` comes times lambda.
double l_curve(double residual, double roughness, double first, double second) {
  const double x1 = first / residual / 2, x2 = (second / residual - 4 * x1 * x1) / 2;
  const double y1 = -first / roughness / 2, y2 = ((first - second) / roughness - 4 * y1 * y1) / 2;
  return (y1 * x2 - x1 * y2) / std::pow(x1 * x1 + y1 * y1, 1.5);
}

}  // namespace

PriorVolume::PriorVolume(const Design& design)
    : n_(design.n_basis), matrix_(RowMatrix::Zero(design.size(), padded(design.size()))), inverse_(matrix_) {
  RowMatrix M = design.M;
  M.diagonal().head(n_).array() += kWeakest * M.trace() / static_cast<double>(n_);
  M.diagonal().tail(M.rows() - n_).setOnes();
  const Cholesky cholesky(M);
  if (!cholesky.succeeded()) throw NotPositiveDefinite("M is singular");
  log_det_M_ = cholesky.log_det();
  inverse_.leftCols(M.cols()) = cholesky.inverse();
  matrix_.leftCols(M.cols()) = M;
}

double PriorVolume::log_det(double lambda) const { return log_det_M_ + static_cast<double>(n_) * std::log(lambda); }

LatticeCriterion::LatticeCriterion(const Modes& modes, ConstVectorView lattice, Criterion criterion,
                                   const PriorVolume* prior)
    : modes_(modes),
      criterion_(criterion),
      prior_(prior),
      n_sums_(criterion == Criterion::kLCurve ? kMaxSums : 1),
      constants_(lattice.size()) {
  std::vector<RowMatrix> tables(static_cast<std::size_t>(n_sums_), RowMatrix(modes.size(), lattice.size()));
  for (Index l = 0; l < lattice.size(); ++l) {
    constants_[l] = constant(lattice[l]);
    const RowMatrix own = weights(lattice[l]);
    for (Index k = 0; k < n_sums_; ++k) tables[static_cast<std::size_t>(k)].col(l) = own.col(k);
  }
  for (const RowMatrix& table : tables) weights_.emplace_back(table);
}

RowMatrix LatticeCriterion::weights(double lambda) const {
  const Eigen::ArrayXd f = modes_.fitted(lambda), left = 1 - f;
  RowMatrix weights(f.size(), n_sums_);
  weights.col(0) = criterion_ == Criterion::kLikelihood ? left : left.square();  // with the penalty or without
  if (criterion_ == Criterion::kLCurve) {
    weights.col(1) = f * left;
    weights.col(2) = 2 * f * left.square();
    weights.col(3) = 2 * f * left.square() * (3 * f - 1);
  }
  return weights;
}

double LatticeCriterion::constant(double lambda) const {
  const auto n = static_cast<double>(modes_.n_rows);
  const Vector f = modes_.fitted(lambda);
  const auto gcv = [&](double rho) {
    const double free = 1 - rho * f.sum() / n;
    return free > 0 ? 1 / (n * free * free) : std::numeric_limits<double>::infinity();
  };
  switch (criterion_) {
    case Criterion::kLikelihood:
      return modes_.pencil.log_det_H(lambda) - prior_->log_det(lambda);
    case Criterion::kGcv:
      return gcv(1);
    case Criterion::kModifiedGcv:
      return gcv(n < 50 ? 1.3 : 2);
    case Criterion::kRobustGcv: {
      const double xi = n < 100 ? 0.2 : 0.3;
      return (xi + (1 - xi) * f.squaredNorm() / n) * gcv(1);
    }
    default:
      return 0;
  }
}

// The scores of one spectrum at n lambda.
void LatticeCriterion::evaluate(Index n, const double* const* sums, const double* constants, const Data& data,
                                double* out) const {
  const auto rows = static_cast<double>(modes_.n_rows);
  const double floor = kRounding * data.total;
  switch (criterion_) {
    case Criterion::kLikelihood: {
      const double factor = rows - static_cast<double>(modes_.size() - prior_->size());
      for (Index l = 0; l < n; ++l) out[l] = factor * std::log(std::max(data.rest + sums[0][l], floor)) + constants[l];
      return;
    }
    case Criterion::kLCurve:
      for (Index l = 0; l < n; ++l) out[l] = l_curve(data.rest + sums[0][l], sums[1][l], sums[2][l], sums[3][l]);
      return;
    case Criterion::kDiscrepancy:
      for (Index l = 0; l < n; ++l) {
        out[l] = std::abs(std::log(std::max(data.rest + sums[0][l], floor) / (rows * data.noise * data.noise)));
      }
      return;
    default:
      for (Index l = 0; l < n; ++l) out[l] = std::max(data.rest + sums[0][l], 0.0) * constants[l];
  }
}

void LatticeCriterion::scores(const Amplitudes& amplitudes, const double* noise, Index count, RowMatrix& scores) const {
  const RowMatrix& squared = amplitudes.squared;
  const Index n = constants_.size(), stride = weights_[0].stride();
  std::vector<RowMatrix> tile(weights_.size(), RowMatrix(kTile, stride));
  scores.resize(count, n);
  for (Index first = 0; first < count; first += kTile) {
    for (std::size_t k = 0; k < tile.size(); ++k) {
      weights_[k].multiply(&squared(first, 0), squared.cols(), kTile, tile[k].data());
    }
    for (Index i = first; i < std::min(first + kTile, count); ++i) {
      const double* sums[kMaxSums];
      for (std::size_t k = 0; k < tile.size(); ++k) sums[k] = &tile[k](i - first, 0);
      evaluate(n, sums, constants_.data(), {amplitudes.rest[i], amplitudes.total[i], noise[i]}, &scores(i, 0));
    }
  }
}

double LatticeCriterion::score(const Amplitudes& amplitudes, const double* noise, Index spectrum, double lambda) const {
  const RowMatrix own = weights(lambda);
  double sum[kMaxSums], score;
  const double* sums[kMaxSums];
  for (Index k = 0; k < n_sums_; ++k) {
    sum[k] = amplitudes.squared.row(spectrum).head(own.rows()).dot(own.col(k));
    sums[k] = &sum[k];
  }
  const double here = constant(lambda);
  evaluate(1, sums, &here, {amplitudes.rest[spectrum], amplitudes.total[spectrum], noise[spectrum]}, &score);
  return score;
}

namespace {

struct CriterionPlan final : Plan {
  Modes modes;
  LatticeCriterion lattice_criterion;

  CriterionPlan(const Design& design, const Vector& w2, ConstVectorView lattice, Criterion criterion,
                const PriorVolume* prior)
      : modes(design, w2), lattice_criterion(modes, lattice, criterion, prior) {}

  std::unique_ptr<Scores> scores() const override;
};

class CriterionScores final : public Scores {
 public:
  explicit CriterionScores(const CriterionPlan& plan) : plan_(plan) {}

  void load(const RowMatrix& z, const double* noise, Index count) override {
    amplitudes_.load(plan_.modes, z, count);
    noise_ = noise;
    count_ = count;
  }
  void on_lattice(RowMatrix& scores) override { plan_.lattice_criterion.scores(amplitudes_, noise_, count_, scores); }
  double at(Index spectrum, double lambda) override {
    return plan_.lattice_criterion.score(amplitudes_, noise_, spectrum, lambda);
  }

 private:
  const CriterionPlan& plan_;
  Amplitudes amplitudes_;
  const double* noise_ = nullptr;
};

std::unique_ptr<Scores> CriterionPlan::scores() const { return std::make_unique<CriterionScores>(*this); }

}  // namespace

std::unique_ptr<Plan> plan_criterion(const Design& design, const Vector& w2, ConstVectorView lattice,
                                     Criterion criterion, const PriorVolume* prior) {
  return std::make_unique<CriterionPlan>(design, w2, lattice, criterion, prior);
}

}  // namespace drtengine
