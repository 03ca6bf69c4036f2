#include "drtengine/selection.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/pencil.hpp"
#include "drtengine/tile.hpp"

#include <cmath>
#include <limits>
#include <optional>

namespace drtengine {
namespace {

// Modes that the data hardly see take no part: they are fitted by the penalty alone.
constexpr double kUnseen = 1e-13;

// Everything about GCV on one grid and with one set of weights that no spectrum changes.
class GcvPlan {
 public:
  GcvPlan(const Design& design, const Vector& w2, ConstVectorView lambda)
      : pencil_(weighted_gram(design, w2), design.M), n_rows_((w2.array() > 0).count()) {
    const Index n = design.size();
    RowMatrix modes = design.A * pencil_.V;  // left singular vectors times sqrt(sigma)
    for (Index i = 0; i < n; ++i) {
      seen_.push_back(pencil_.sigma[i] > kUnseen);
      modes.col(i) *= seen_.back() ? 1 / std::sqrt(pencil_.sigma[i]) : 0;
    }
    modes_ = TileFactor(modes);
    RowMatrix left_over(n, lambda.size());
    trace_.resize(lambda.size());
    for (Index l = 0; l < lambda.size(); ++l) {
      const Vector fitted = fractions(lambda[l]);
      left_over.col(l) = (1 - fitted.array()).square();
      trace_[l] = fitted.sum();
    }
    left_over_ = TileFactor(left_over);
  }

  Index n_modes() const { return modes_.stride(); }
  Index n_scores() const { return left_over_.stride(); }

  // For a tile of W^2 z: squared amplitudes of the modes, eight rows of n_modes().
  void project(const double* w2z, Index stride, double* squared) const {
    modes_.multiply(w2z, stride, kTile, squared);
    for (Index i = 0; i < kTile * n_modes(); ++i) squared[i] *= squared[i];
  }

  // Eight rows of n_scores(); `rest` is what no mode explains of |Wz|^2.
  void scores(const double* squared, const double* rest, double* out) const {
    left_over_.multiply(squared, n_modes(), kTile, out);
    for (Index lane = 0; lane < kTile; ++lane) {
      for (Index l = 0; l < trace_.size(); ++l) {
        out[lane * n_scores() + l] = score(rest[lane] + out[lane * n_scores() + l], trace_[l]);
      }
    }
  }

  double score(const double* squared, double rest, double lambda) const {
    const Vector fitted = fractions(lambda);
    double sum = rest;
    for (Index i = 0; i < fitted.size(); ++i) sum += squared[i] * (1 - fitted[i]) * (1 - fitted[i]);
    return score(sum, fitted.sum());
  }

 private:
  double score(double residual, double trace) const {
    const double n = static_cast<double>(n_rows_), free = 1 - trace / n;
    return std::max(residual, 0.0) / n / (free * free);
  }

  // sigma/d: how much of each mode the fit takes up
  Vector fractions(double lambda) const {
    Vector fitted = pencil_.sigma.cwiseQuotient(pencil_.denominators(lambda));
    for (Index i = 0; i < fitted.size(); ++i) {
      if (!seen_[static_cast<std::size_t>(i)]) fitted[i] = 0;
    }
    return fitted;
  }

  Pencil pencil_;
  Index n_rows_;
  std::vector<bool> seen_;
  TileFactor modes_, left_over_;
  Vector trace_;
};

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

// Nothing where A'A and M cannot be brought to diagonal form.
std::optional<GcvPlan> plan_for(const Design& design, const Vector& w2, ConstVectorView lambda) {
  try {
    return GcvPlan(design, w2, lambda);
  } catch (const NotPositiveDefinite&) {
    return std::nullopt;
  }
}

// Computes the scores of tiles of spectra; visit(spectrum, plan, scores, squared, rest) takes them.
// Where there is no plan, the pointers are null.
template <class Visit>
void for_each_score(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                    const SolveOptions& options, Visit&& visit) {
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  const RowWeights row_weights(weights, options.own_weights, design, Z.rows());
  const auto squared_weights = [&](Index spectrum) {
    Vector w2(design.rows());
    row_weights.squared(spectrum, w2.data());
    return w2;
  };
  std::optional<GcvPlan> shared;
  if (!row_weights.per_spectrum()) shared = plan_for(design, squared_weights(0), lambda);
  // spectra with weights of their own stand alone in a tile
  const Index tile = row_weights.per_spectrum() ? 1 : kTile;
  const Index stride = padded(design.rows());

  const auto make_worker = [&] {
    return [&, w2z = RowMatrix(RowMatrix::Zero(kTile, stride)), squared = RowMatrix(), scores = RowMatrix()](
               Index begin, Index end) mutable {
      for (Index t = begin; t < end; ++t) {
        const Index first = t * tile, count = std::min(tile, Z.rows() - first);
        const Vector w2 = squared_weights(first);
        std::optional<GcvPlan> own;
        if (row_weights.per_spectrum()) own = plan_for(design, w2, lambda);
        if (!shared && !own) {
          for (Index lane = 0; lane < count; ++lane) visit(first + lane, nullptr, nullptr, nullptr, 0);
          continue;
        }
        const GcvPlan& plan = shared ? *shared : *own;
        squared.resize(kTile, plan.n_modes());
        scores.resize(kTile, plan.n_scores());
        double rest[kTile] = {};
        for (Index lane = 0; lane < count; ++lane) {
          w2z.row(lane).head(design.rows()) = Z.row(first + lane).cwiseProduct(w2.transpose());
          rest[lane] = w2z.row(lane).head(design.rows()).dot(Z.row(first + lane));
        }
        plan.project(w2z.data(), stride, squared.data());
        for (Index lane = 0; lane < count; ++lane) rest[lane] -= squared.row(lane).sum();
        plan.scores(squared.data(), rest, scores.data());
        for (Index lane = 0; lane < count; ++lane) {
          visit(first + lane, &plan, &scores(lane, 0), &squared(lane, 0), rest[lane]);
        }
      }
    };
  };
  parallel_for((Z.rows() + tile - 1) / tile, 8, options.n_threads, options.keep_going, make_worker);
}

}  // namespace

Selection select_gcv(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lattice,
                     bool refine, const SolveOptions& options) {
  Selection selection{Vector(Z.rows()), std::vector<Status>(static_cast<std::size_t>(Z.rows()), Status::kOk)};
  for_each_score(design, Z, weights, lattice, options,
                 [&](Index s, const GcvPlan* plan, const double* scores, const double* squared, double rest) {
                   if (plan == nullptr) {  // the solver will say what is wrong, at the safest lambda
                     selection.lambda[s] = lattice[lattice.size() - 1];
                     selection.status[static_cast<std::size_t>(s)] = Status::kLambdaAtBound;
                     return;
                   }
                   Index best = 0;
                   for (Index l = 1; l < lattice.size(); ++l) {
                     if (scores[l] < scores[best]) best = l;
                   }
                   selection.lambda[s] = lattice[best];
                   if (best == 0 || best == lattice.size() - 1) {
                     selection.status[static_cast<std::size_t>(s)] = Status::kLambdaAtBound;
                   } else if (refine) {
                     selection.lambda[s] =
                         std::exp(golden_section(std::log(lattice[best - 1]), std::log(lattice[best + 1]),
                                                 [&](double u) { return plan->score(squared, rest, std::exp(u)); }));
                   }
                 });
  return selection;
}

RowMatrix gcv_scores(const Design& design, ConstMatrixView Z, ConstMatrixView weights, ConstVectorView lambda,
                     const SolveOptions& options) {
  RowMatrix result(Z.rows(), lambda.size());
  for_each_score(design, Z, weights, lambda, options,
                 [&](Index s, const GcvPlan* plan, const double* scores, const double*, double) {
                   result.row(s).setConstant(std::numeric_limits<double>::quiet_NaN());
                   if (plan != nullptr) result.row(s) = Eigen::Map<const Eigen::RowVectorXd>(scores, lambda.size());
                 });
  return result;
}

}  // namespace drtengine
