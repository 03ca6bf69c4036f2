#include "drtengine/elements.hpp"

#include "drtengine/element_curve.hpp"
#include "drtengine/element_search.hpp"
#include "drtengine/errors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void check(const ElementsProblem& p) {
  const Index n = p.omega.size();
  if (p.Z.cols() != 2 * n) throw InvalidInput("Z must have Re and Im of every frequency");
  if (p.weights.rows() != p.Z.rows() || (p.weights.cols() != n && p.weights.cols() != 2 * n)) {
    throw InvalidInput("weights must have the shape of Z, or one weight a point");
  }
}

// What a number in the fitter's unit is in SI units: ohm for R_inf and so on, nothing for the
// exponents; logarithms are shifted instead.
class Units {
 public:
  Units(const ElementModel& model, double ohm) : log_ohm_(std::log(ohm)) {
    for (Index j = 0; j < kSeries; ++j)
      series_[static_cast<std::size_t>(j)] = ohm * model.series_unit()[static_cast<std::size_t>(j)];
  }

  double factor(Index j) const { return j < kSeries ? series_[static_cast<std::size_t>(j)] : 1; }
  double shift(Index j) const { return j >= kSeries && (j - kSeries) % kPerElement == kLogR ? log_ohm_ : 0; }

 private:
  double log_ohm_;
  std::array<double, kSeries> series_{};
};

Index size_of(const ElementSum& sum) { return parameter(sum.count, 0); }

void write(const ElementFit& fit, ElementFitter& fitter, Index s, Elements& out) {
  const auto row = static_cast<std::size_t>(s);
  const Units units(fitter.model(), fitter.unit());
  const RowMatrix covariance = fitter.covariance(fit);
  for (Index i = 0; i < size_of(fit.sum); ++i) {
    out.parameters(s, i) = fit.sum.value[static_cast<std::size_t>(i)] * units.factor(i) + units.shift(i);
    for (Index j = 0; j < size_of(fit.sum); ++j) {
      out.covariance(s, i * kMaxParameters + j) = covariance(i, j) * units.factor(i) * units.factor(j);
    }
  }
  for (Index k = 0; k < fit.sum.count; ++k) {
    out.kind[row * kMaxElements + static_cast<std::size_t>(k)] = fit.sum.kind[static_cast<std::size_t>(k)];
  }
  const double ohm2 = fitter.unit() * fitter.unit();
  out.count[row] = fit.sum.count;
  out.score[s] = fit.score + fitter.score_offset();
  out.rss[s] = fit.rss * ohm2;
  out.sigma2[s] = fit.sigma2 * ohm2;
  out.status[row] = Status::kOk;
}

ElementSum sum_of(const ConstMatrixView& parameters, Index s) {
  ElementSum sum;
  for (Index k = 0; k < kMaxElements && !std::isnan(parameters(s, parameter(k, kLogR))); ++k) ++sum.count;
  for (Index j = 0; j < size_of(sum); ++j) sum.value[static_cast<std::size_t>(j)] = parameters(s, j);
  return sum;
}

// The fitted sum of a spectrum in the fitter's unit.
ElementFit read(const FittedElements& fits, const ElementFitter& fitter, Index s) {
  const Units units(fitter.model(), fitter.unit());
  const auto row = static_cast<std::size_t>(s);
  const double ohm2 = fitter.unit() * fitter.unit();
  ElementFit fit;
  fit.sum = sum_of(fits.parameters, s);
  for (Index j = 0; j < size_of(fit.sum); ++j) {
    fit.sum.value[static_cast<std::size_t>(j)] = (fits.parameters(s, j) - units.shift(j)) / units.factor(j);
    fit.inner[static_cast<std::size_t>(j)] = fits.covariance(s, j * (kMaxParameters + 1)) > 0;
  }
  for (Index k = 0; k < fit.sum.count; ++k) {
    fit.sum.kind[static_cast<std::size_t>(k)] = fits.kind[row * kMaxElements + static_cast<std::size_t>(k)];
  }
  fit.rss = fits.rss[s] / ohm2;
  fit.sigma2 = fits.sigma2[s] / ohm2;
  return fit;
}

// Where, on the way from the best fit by multiples of `first`, the profile of rss over parameter j
// has risen by `rise`.
double profile_end(ElementFitter& fitter, const ElementFit& best, Index j, double first, double rise) {
  constexpr double kVanished = 25;  // of ln R below the best: such an element changes nothing
  constexpr double kGrowth = 1.6, kAccuracy = 1e-6;
  constexpr int kFitting = 40, kMaxEvaluations = 60;
  const bool log_r = j >= kSeries && (j - kSeries) % kPerElement == kLogR;
  const double value = best.sum.value[static_cast<std::size_t>(j)];
  const Bounds bounds = fitter.model().bounds(j);
  const double limit = log_r && first < 0 ? -kVanished : (first < 0 ? bounds.low : bounds.high) - value;
  ParameterSet held;
  held[static_cast<std::size_t>(j)] = true;
  ElementSum warm = best.sum;
  const auto excess = [&](double distance) {  // nearly linear, zero at the end
    warm.value[static_cast<std::size_t>(j)] = value + distance;
    const ElementFit fit = fitter.fit(warm, kFitting, kPolished, held);
    warm = fit.sum;
    return std::sqrt(std::max(0.0, fit.rss / best.rss - 1) / rise) - 1;
  };
  double inside = 0, h_inside = -1, outside = first;
  if (std::abs(outside) > std::abs(limit)) outside = limit;
  double h_outside = excess(outside);
  int evaluations = 1;
  for (; h_outside < 0 && evaluations < kMaxEvaluations; ++evaluations) {
    if (outside == limit) return log_r ? -HUGE_VAL : value + limit;
    inside = outside;
    h_inside = h_outside;
    outside = std::abs(kGrowth * outside) > std::abs(limit) ? limit : kGrowth * outside;
    h_outside = excess(outside);
  }
  if (!(h_outside >= 0)) return kNaN;
  for (int side = 0; evaluations < kMaxEvaluations && std::abs(outside - inside) > kAccuracy * std::abs(first);
       ++evaluations) {  // the Illinois rule
    const double middle = inside - h_inside * (outside - inside) / (h_outside - h_inside), h = excess(middle);
    if (std::abs(h) < kAccuracy) return value + middle;
    if (h < 0) {
      inside = middle;
      h_inside = h;
      if (side < 0) h_outside /= 2;
      side = -1;
    } else {
      outside = middle;
      h_outside = h;
      if (side > 0) h_inside /= 2;
      side = 1;
    }
  }
  return value + 0.5 * (inside + outside);
}

// The sum over elements of R f(ln tau, a, b), one value a point, and its uncertainty
// sqrt(g' covariance g) with the gradient g by central differences, good to about 1e-7 of itself.
template <class F>
Curve propagate(const ConstMatrixView& parameters, const ConstMatrixView& covariance, Index points, F&& f) {
  constexpr double kStep = 1e-4;
  if (parameters.cols() != kMaxParameters || covariance.cols() != kMaxParameters * kMaxParameters ||
      covariance.rows() != parameters.rows()) {
    throw InvalidInput("parameters and covariance do not belong together");
  }
  Curve curve{RowMatrix::Constant(parameters.rows(), points, kNaN),
              RowMatrix::Constant(parameters.rows(), points, kNaN)};
  RowMatrix gradient(kMaxParameters, points);
  for (Index s = 0; s < parameters.rows(); ++s) {
    const ElementSum sum = sum_of(parameters, s);
    if (sum.count == 0) continue;
    const Eigen::Map<const RowMatrix> cov(covariance.row(s).data(), kMaxParameters, kMaxParameters);
    gradient.setZero();
    curve.value.row(s).setZero();
    for (Index k = 0; k < sum.count; ++k) {
      const double R = std::exp(sum.at(k, kLogR));
      std::array<double, 3> shape{sum.at(k, kLogTau), sum.at(k, kA), sum.at(k, kB)};
      const auto value = [&]() -> Eigen::RowVectorXd { return R * f(shape[0], shape[1], shape[2]).transpose(); };
      gradient.row(parameter(k, kLogR)) = value();
      curve.value.row(s) += gradient.row(parameter(k, kLogR));
      for (std::size_t p = 0; p < shape.size(); ++p) {
        const Index j = parameter(k, kLogTau) + static_cast<Index>(p);
        if (!(cov(j, j) > 0)) continue;
        const double centre = shape[p];
        // exponents stay below one, where the density changes its form
        const double step = p == 0 ? kStep : std::min(kStep, 0.5 * (1 - centre));
        shape[p] = centre + step;
        gradient.row(j) = value();
        shape[p] = centre - step;
        gradient.row(j) = (gradient.row(j) - value()) / (2 * step);
        shape[p] = centre;
      }
    }
    const Index size = size_of(sum);
    const RowMatrix product = cov.topLeftCorner(size, size) * gradient.topRows(size);
    curve.uncertainty.row(s) = gradient.topRows(size).cwiseProduct(product).colwise().sum().cwiseMax(0).cwiseSqrt();
  }
  return curve;
}

}  // namespace

Elements find_elements(const ElementsProblem& problem, const SmoothEstimates& smooth) {
  check(problem);
  const Index n_spectra = problem.Z.rows();
  if (smooth.gamma.rows() != n_spectra || smooth.R_inf.size() != n_spectra || smooth.evidence.size() != n_spectra ||
      smooth.gamma.cols() != smooth.log_tau.size()) {
    throw InvalidInput("gamma, R_inf and evidence must belong to the spectra, gamma to log_tau");
  }
  const auto n = static_cast<std::size_t>(n_spectra);
  const Vector nan = Vector::Constant(n_spectra, kNaN);
  Elements out{RowMatrix::Constant(n_spectra, kMaxParameters, kNaN),
               RowMatrix::Constant(n_spectra, kMaxParameters * kMaxParameters, kNaN),
               std::vector<Kind>(n * kMaxElements),
               std::vector<Index>(n),
               nan,
               nan,
               nan,
               std::vector<Status>(n, Status::kSingular)};
  const ElementModel model(problem.omega, problem.inductance, problem.capacitance);
  const Cells cells(smooth.log_tau);
  parallel_for(n_spectra, 1, problem.n_threads, problem.keep_going, [&] {
    return [&, fitter = ElementFitter(model)](Index begin, Index end) mutable {
      for (Index s = begin; s < end; ++s) {
        if (!fitter.load(problem.Z.row(s), problem.weights.row(s)) || !std::isfinite(smooth.R_inf[s]) ||
            !smooth.gamma.row(s).allFinite() || !(smooth.gamma.row(s).maxCoeff() > 0)) {
          continue;
        }
        const ElementFit fit =
            search_elements(fitter, cells, {smooth.gamma.row(s), smooth.R_inf[s], smooth.evidence[s]});
        if (!std::isfinite(fit.score)) continue;
        if (!fit.converged) {
          out.status[static_cast<std::size_t>(s)] = Status::kUnconverged;
          continue;
        }
        write(fit, fitter, s, out);
      }
    };
  });
  return out;
}

Profiles profile_elements(const ElementsProblem& problem, const FittedElements& fits, ConstVectorView rise) {
  check(problem);
  const Index n_spectra = problem.Z.rows();
  Profiles out{RowMatrix::Constant(n_spectra, kMaxParameters, kNaN),
               RowMatrix::Constant(n_spectra, kMaxParameters, kNaN)};
  const ElementModel model(problem.omega, problem.inductance, problem.capacitance);
  parallel_for(n_spectra, 1, problem.n_threads, problem.keep_going, [&] {
    return [&, fitter = ElementFitter(model)](Index begin, Index end) mutable {
      for (Index s = begin; s < end; ++s) {
        if (!std::isfinite(fits.rss[s]) || !fitter.load(problem.Z.row(s), problem.weights.row(s))) continue;
        const ElementFit best = read(fits, fitter, s);
        const Units units(model, fitter.unit());
        for (Index j = 0; j < size_of(best.sum); ++j) {
          const double variance = fits.covariance(s, j * (kMaxParameters + 1));
          if (!(variance > 0)) continue;
          const double first = std::sqrt(variance * rise[s] * fits.rss[s] / fits.sigma2[s]) / units.factor(j);
          const auto to_si = [&](double value) { return value * units.factor(j) + units.shift(j); };
          out.low(s, j) = to_si(profile_end(fitter, best, j, -first, rise[s]));
          out.high(s, j) = to_si(profile_end(fitter, best, j, first, rise[s]));
        }
      }
    };
  });
  return out;
}

Curve element_gamma(ConstMatrixView parameters, ConstMatrixView covariance, ConstVectorView log_tau) {
  return propagate(parameters, covariance, log_tau.size(),
                   [&](double centre, double a, double b) { return element_density(log_tau.array() - centre, a, b); });
}

Curve element_integrals(ConstMatrixView parameters, ConstMatrixView covariance, ConstVectorView log_low,
                        ConstVectorView log_high) {
  if (log_low.size() != log_high.size()) throw InvalidInput("log_low and log_high must be equally long");
  return propagate(parameters, covariance, log_low.size(), [&](double centre, double a, double b) {
    return element_share(log_low.array() - centre, log_high.array() - centre, a, b);
  });
}

}  // namespace drtengine
