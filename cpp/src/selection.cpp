#include "drtengine/selection.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/qp.hpp"
#include "drtengine/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace drtengine {

Index lowest_place(const double* scores, Index n) {
  Index best = n - 1;
  double lowest = std::numeric_limits<double>::infinity();
  for (Index l = 0; l < n; ++l) {
    if (scores[l] < lowest) lowest = scores[best = l];
  }
  return std::isfinite(lowest) ? best : n - 1;
}

void Scores::lowest(Index* place) {
  on_lattice(all_);
  for (Index i = 0; i < count_; ++i) place[i] = lowest_place(&all_(i, 0), all_.cols());
}

namespace {

// Minimises f over [low, high] by golden section; f is smooth with one minimum there.
template <class F>
double golden_section(double low, double high, F&& f) {
  constexpr double kRatio = 0.6180339887498949;
  double a = high - kRatio * (high - low), b = low + kRatio * (high - low);
  double fa = f(a), fb = f(b);
  while (high - low > 1e-5) {
    if (fa < fb) {
      high = b;
      b = a;
      fb = fa;
      a = high - kRatio * (high - low);
      fa = f(a);
    } else {
      low = a;
      a = b;
      fa = fb;
      b = low + kRatio * (high - low);
      fb = f(b);
    }
  }
  return (low + high) / 2;
}

// Everything but the data: makes plans.
class Planner {
 public:
  Planner(const Design& design, ConstVectorView lattice, const Selector& selector, bool nonneg)
      : design_(design), lattice_(lattice), selector_(selector), criterion_(selector.criterion) {
    // without a bound nothing is zero, and the evidence is the likelihood
    if (criterion_ == Criterion::kEvidence && !nonneg) criterion_ = Criterion::kLikelihood;
    if (criterion_ == Criterion::kEvidence || criterion_ == Criterion::kLikelihood) prior_.emplace(design);
  }

  // Nothing where A'W^2A and M cannot be brought to diagonal form.
  std::unique_ptr<Plan> plan(const Vector& w2) const {
    try {
      if (criterion_ == Criterion::kEvidence) return plan_evidence(design_, w2, lattice_, *prior_);
      if (criterion_ == Criterion::kFolds) return plan_folds(design_, w2, lattice_, selector_.fold);
      return plan_criterion(design_, w2, lattice_, criterion_, prior_ ? &*prior_ : nullptr);
    } catch (const NotPositiveDefinite&) {
      return nullptr;
    }
  }

 private:
  const Design& design_;
  ConstVectorView lattice_;
  const Selector& selector_;
  Criterion criterion_;
  std::optional<PriorVolume> prior_;
};

void check(const Design& design, ConstMatrixView Z, ConstVectorView lattice, const Selector& selector) {
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (lattice.size() == 0 || !(lattice[0] > 0)) throw InvalidInput("lambda must be positive");
  if (selector.criterion == Criterion::kDiscrepancy && selector.noise.size() != Z.rows())
    throw InvalidInput("noise must have one value a spectrum");
  if (selector.criterion != Criterion::kFolds) return;
  if (static_cast<Index>(selector.fold.size()) != design.rows()) throw InvalidInput("every row must be in a fold");
  if (*std::ranges::min_element(selector.fold) < 0) throw InvalidInput("folds count from 0");
}

// Takes the spectra pool by pool; visit(scores, first, count) finds them loaded, or no scores where
// there is no plan.
template <class Visit>
void for_each_pool(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                   const Selector& selector, const SolveOptions& options, Visit&& visit) {
  check(design, Z, lattice, selector);
  const RowWeights row_weights(weights, options.own_weights, design, Z.rows());
  const auto squared_weights = [&](Index spectrum) {
    Vector w2(design.rows());
    row_weights.squared(spectrum, w2.data());
    return w2;
  };
  const Planner planner(design, lattice, selector, options.nonneg);
  const bool own = row_weights.per_spectrum();
  const std::unique_ptr<Plan> shared = own ? nullptr : planner.plan(squared_weights(0));
  const Vector noise = selector.noise.size() == Z.rows() ? selector.noise : Vector::Ones(Z.rows());
  const Index size = own ? 1 : kPool;

  const auto make_worker = [&] {
    return [&, z = RowMatrix(RowMatrix::Zero(padded(size), padded(design.rows()))),
            scores = shared ? shared->scores() : nullptr](Index begin, Index end) mutable {
      for (Index pool = begin; pool < end; ++pool) {
        const Index first = pool * size, count = std::min(size, Z.rows() - first);
        z.topLeftCorner(count, design.rows()) = Z.middleRows(first, count);
        const std::unique_ptr<Plan> own_plan = own ? planner.plan(squared_weights(first)) : nullptr;
        if (own) scores = own_plan ? own_plan->scores() : nullptr;
        if (scores) scores->load(z, &noise[first], count);
        visit(scores.get(), first, count);
        if (own) scores.reset();  // it reads the plan
      }
    };
  };
  parallel_for((Z.rows() + size - 1) / size, 1, options.n_threads, options.keep_going, make_worker);
}

}  // namespace

Selection select_lambda(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                        const Selector& selector, bool refine, const SolveOptions& options) {
  Selection selection{Vector(Z.rows()), std::vector<Status>(static_cast<std::size_t>(Z.rows()), Status::kOk)};
  const Index last = lattice.size() - 1;
  for_each_pool(design, Z, weights, lattice, selector, options, [&](Scores* scores, Index first, Index count) {
    std::array<Index, kPool> place;
    place.fill(last);  // without scores: the solver will say what is wrong, at the safest lambda
    if (scores != nullptr) scores->lowest(place.data());
    for (Index i = 0; i < count; ++i) {
      const Index best = place[static_cast<std::size_t>(i)];
      double& lambda = selection.lambda[first + i] = lattice[best];
      if (best == 0 || best == last) {
        selection.status[static_cast<std::size_t>(first + i)] = Status::kLambdaAtBound;
      } else if (refine) {
        lambda = std::exp(golden_section(std::log(lattice[best - 1]), std::log(lattice[best + 1]),
                                         [&](double u) { return scores->at(i, std::exp(u)); }));
      }
    }
  });
  return selection;
}

RowMatrix lambda_scores(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                        const Selector& selector, const SolveOptions& options) {
  RowMatrix result(Z.rows(), lattice.size());
  for_each_pool(design, Z, weights, lattice, selector, options, [&](Scores* scores, Index first, Index count) {
    RowMatrix here = RowMatrix::Constant(count, lattice.size(), std::numeric_limits<double>::quiet_NaN());
    if (scores != nullptr) scores->on_lattice(here);
    result.middleRows(first, count) =
        here.unaryExpr([](double s) { return std::isfinite(s) ? s : std::numeric_limits<double>::quiet_NaN(); });
  });
  return result;
}

}  // namespace drtengine
