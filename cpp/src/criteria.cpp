#include "drtengine/criteria.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

// |Wz|^2 cannot be told to more digits than this.
constexpr double kRounding = std::numeric_limits<double>::epsilon();

// Minus the curvature of (log residual, log roughness)/2 over ln lambda, from both and their
// derivatives. f = sigma/d falls with ln lambda as f' = -f (1 - f), and residual' = -lambda roughness'.
double l_curve(const ModeCriterion::Sums& sums, double rest) {
  const double residual = rest + sums[0], roughness = sums[1];  // the latter times lambda
  const double first = 2 * sums[2], second = 2 * sums[3];       // residual', residual''
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
  const Eigen::LLT<Eigen::MatrixXd> llt(M);
  if (llt.info() != Eigen::Success) throw NotPositiveDefinite("M is singular");
  log_det_M_ = 2 * llt.matrixLLT().diagonal().array().log().sum();
  const RowMatrix half = llt.solve(Eigen::MatrixXd::Identity(M.rows(), M.rows())) / 2;
  inverse_.leftCols(M.cols()) = half + half.transpose();
  matrix_.leftCols(M.cols()) = M;
}

double PriorVolume::log_det(double lambda) const { return log_det_M_ + static_cast<double>(n_) * std::log(lambda); }

ModeCriterion::ModeCriterion(const Modes& modes, Criterion criterion, const PriorVolume* prior)
    : modes_(modes), criterion_(criterion), n_sums_(criterion == Criterion::kLCurve ? 4 : 1), prior_(prior) {}

RowMatrix ModeCriterion::weights(double lambda) const {
  const Eigen::ArrayXd f = modes_.fitted(lambda), left = 1 - f;
  RowMatrix weights(f.size(), n_sums_);
  if (criterion_ == Criterion::kLikelihood) {
    weights.col(0) = left;  // residual and penalty
    return weights;
  }
  weights.col(0) = left.square();
  if (criterion_ == Criterion::kLCurve) {
    weights.col(1) = f * left;
    weights.col(2) = f * left.square();
    weights.col(3) = f * left.square() * (3 * f - 1);
  }
  return weights;
}

ModeCriterion::Constants ModeCriterion::constants(double lambda) const {
  const Vector f = modes_.fitted(lambda);
  const double information =
      prior_ == nullptr ? 0 : modes_.pencil.log_det_H(lambda) - prior_->log_det(lambda);
  return {f.sum(), f.squaredNorm(), information};
}

double ModeCriterion::score(const Constants& c, const Sums& sums, double rest, double total, double noise) const {
  const auto n = static_cast<double>(modes_.n_rows);
  const double residual = std::max(rest + sums[0], 0.0), above_rounding = std::max(residual, kRounding * total);
  const auto gcv = [&](double rho) {
    const double free = 1 - rho * c.trace / n;
    return free > 0 ? residual / n / (free * free) : std::numeric_limits<double>::infinity();
  };
  switch (criterion_) {
    case Criterion::kLikelihood:
      return (n - static_cast<double>(modes_.size() - prior_->size())) * std::log(above_rounding) + c.information;
    case Criterion::kGcv:
      return gcv(1);
    case Criterion::kModifiedGcv:
      return gcv(n < 50 ? 1.3 : 2);
    case Criterion::kRobustGcv: {
      const double xi = n < 100 ? 0.2 : 0.3;
      return (xi + (1 - xi) * c.square_trace / n) * gcv(1);
    }
    case Criterion::kLCurve:
      return l_curve(sums, rest);
    case Criterion::kDiscrepancy:
      return std::abs(std::log(above_rounding / (n * noise * noise)));
    default:
      throw InvalidInput("this criterion needs more than the modes");
  }
}

LatticeCriterion::LatticeCriterion(const Modes& modes, ConstVectorView lattice, Criterion criterion,
                                   const PriorVolume* prior)
    : criterion_(modes, criterion, prior) {
  std::vector<RowMatrix> tables(static_cast<std::size_t>(criterion_.n_sums()), RowMatrix(modes.size(), lattice.size()));
  for (Index l = 0; l < lattice.size(); ++l) {
    constants_.push_back(criterion_.constants(lattice[l]));
    const RowMatrix weights = criterion_.weights(lattice[l]);
    for (Index k = 0; k < criterion_.n_sums(); ++k) tables[static_cast<std::size_t>(k)].col(l) = weights.col(k);
  }
  for (const RowMatrix& table : tables) weights_.emplace_back(table);
}

void LatticeCriterion::scores(const Amplitudes& amplitudes, const double* noise, Index count, RowMatrix& scores) const {
  const RowMatrix& squared = amplitudes.squared;
  std::vector<RowMatrix> sums(weights_.size(), RowMatrix(squared.rows(), weights_[0].stride()));
  for (std::size_t k = 0; k < weights_.size(); ++k) {
    weights_[k].multiply(squared.data(), squared.cols(), count, sums[k].data());
  }
  scores.resize(count, size());
  for (Index i = 0; i < count; ++i) {
    for (Index l = 0; l < size(); ++l) {
      ModeCriterion::Sums own{};
      for (std::size_t k = 0; k < sums.size(); ++k) own[k] = sums[k](i, l);
      scores(i, l) = criterion_.score(constants_[static_cast<std::size_t>(l)], own, amplitudes.rest[i],
                                      amplitudes.total[i], noise[i]);
    }
  }
}

double LatticeCriterion::score(const Amplitudes& amplitudes, const double* noise, Index spectrum, double lambda) const {
  const RowMatrix weights = criterion_.weights(lambda);
  ModeCriterion::Sums sums{};
  for (Index k = 0; k < weights.cols(); ++k) {
    sums[static_cast<std::size_t>(k)] = amplitudes.squared.row(spectrum).head(weights.rows()).dot(weights.col(k));
  }
  return criterion_.score(criterion_.constants(lambda), sums, amplitudes.rest[spectrum], amplitudes.total[spectrum],
                          noise[spectrum]);
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
