#include "drtengine/series_prior.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/log_lanes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace drtengine {
namespace {

constexpr double kLargestChange = 1.5;  // of a logarithm in one update
constexpr double kLargestEta = 1e7;
constexpr double kLeastDetermined = 0.05;         // of the degrees of freedom of one spectrum or interval
constexpr double kLeastDeterminedTogether = 0.5;  // of all spectra
constexpr double kTieShrinkage = 30;              // degrees of freedom that draw q to one
constexpr double kSmallestTie = 1e-6, kLargestTie = 10;
constexpr double kLevelShrinkage = 40;   // degrees of freedom that draw a spectrum's level to the series'
constexpr double kShapeShrinkage = 0.1;  // of local precisions towards their geometric mean
constexpr double kWeightOfPrecisions = 0.3, kWeightOfTies = 0.3, kWeightOfEta = 0.5;  // in the test for the end

// `wanted`, or as far towards it as one update may go.
double limited(double wanted, double now) {
  return now * std::exp(std::clamp(std::log(wanted / now), -kLargestChange, kLargestChange));
}

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

// 1 / (1/a + 1/b), the stiffness of two springs in a row.
double in_a_row(double a, double b) { return a > 0 && b > 0 ? a * (b / (a + b)) : 0; }

double adapt_ties(SeriesPrior& prior, const SeriesMoments& moments, const Vector& expected) {
  const Vector closeness_q = prior.closeness.cwiseProduct(prior.q);
  const double eta = prior.eta;
  const Vector determined = eta * closeness_q.cwiseProduct(expected - moments.step_variance);
  const double wanted = std::max(determined.sum(), 0.1) / (closeness_q.dot(moments.step2) + 1e-12);
  prior.eta = std::min(limited(wanted, eta), kLargestEta);
  double change = prior.eta < kLargestEta ? kWeightOfEta * std::abs(std::log(prior.eta / eta)) : 0;
  for (Index i = 0; i < prior.q.size(); ++i) {
    const double q = (std::max(determined[i], kLeastDetermined) + kTieShrinkage) /
                     (eta * prior.closeness[i] * moments.step2[i] + kTieShrinkage);
    const double next = std::clamp(limited(q, prior.q[i]), kSmallestTie, kLargestTie);
    change = std::max(change, kWeightOfTies * std::abs(std::log(next / prior.q[i])));
    prior.q[i] = next;
  }
  return change;
}

double adapt_common(SeriesPrior& prior, const SeriesMoments& moments, const Vector& expected) {
  const double lambda = prior.precision(0, 0);
  const double determined = expected.sum() - lambda * moments.difference_variance.sum();
  const double wanted = std::max(determined, kLeastDeterminedTogether) / (moments.difference.squaredNorm() + 1e-12);
  prior.precision.setConstant(limited(wanted, lambda));
  return kWeightOfPrecisions * std::abs(std::log(prior.precision(0, 0) / lambda));
}

// Precisions of geometric mean one, the larger the less u bends.
Vector shape_of(const Vector& squares) {
  std::vector<double> expected = smoothed({squares.data(), squares.data() + squares.size()});
  const double level = geometric_mean(expected);
  for (double& value : expected) value = 1 / (value + kShapeShrinkage * level);
  return Eigen::Map<const Vector>(expected.data(), squares.size()) / geometric_mean(expected);
}

double adapt_local(SeriesPrior& prior, const SeriesMoments& moments, const Vector& lambda, const Vector& expected) {
  const Index n_spectra = prior.precision.rows();
  RowMatrix shape(n_spectra, prior.precision.cols());
  Vector determined(n_spectra), squares(n_spectra);
  double all_determined = 0;
  for (Index v = 0; v < n_spectra; ++v) {
    const auto d = moments.difference.row(v), variance = moments.difference_variance.row(v);
    shape.row(v) = shape_of((d.cwiseAbs2() + variance).transpose()).transpose();
    squares[v] = shape.row(v).dot(d.cwiseAbs2());
    const double own = expected[v] - prior.precision.row(v).dot(variance);
    all_determined += own;
    determined[v] = std::max(own, kLeastDetermined);
  }
  const double level = std::max(all_determined, kLeastDeterminedTogether) / squares.sum();
  double change = 0;
  for (Index v = 0; v < n_spectra; ++v) {
    const double wanted = (determined[v] + kLevelShrinkage) / (squares[v] + kLevelShrinkage / level);
    const Vector next = limited(wanted, lambda[v]) * shape.row(v).transpose();
    const auto moved = (next.transpose().array() / prior.precision.row(v).array()).log().abs();
    change = std::max(change, kWeightOfPrecisions * moved.maxCoeff());
    prior.precision.row(v) = next.transpose();
  }
  return change;
}

}  // namespace

double adapt(SeriesPrior& prior, const SeriesMoments& moments, bool common) {
  const Vector lambda = prior.precision.array().log().rowwise().mean().exp();
  const Index n_nodes = prior.precision.cols() + 2;
  const Vector tie = prior.ties() / prior.h;
  const PriorExpectations expected = expect(lambda, tie, eigenvalues_of_penalty(n_nodes, prior.h));
  const double of_ties = adapt_ties(prior, moments, expected.step);
  return std::max(of_ties, common ? adapt_common(prior, moments, expected.curvature)
                                  : adapt_local(prior, moments, lambda, expected.curvature));
}

// T_l is a row of springs: to the ground with lambda_v delta_l, to the neighbours with tie_i. What a spectrum
// feels from the left is all that is there in a row with the tie, and so from the right.
PriorExpectations expect(const Vector& lambda, const Vector& tie, const Vector& delta) {
  const Index n = lambda.size();
  PriorExpectations expected{Vector::Zero(n), Vector::Zero(n - 1)};
  Vector left(n), right(n);  // with the spectrum's own spring, without the tie to the other side
  for (const double d : delta) {
    for (Index v = 0; v < n; ++v) left[v] = lambda[v] * d + (v > 0 ? in_a_row(tie[v - 1], left[v - 1]) : 0);
    for (Index v = n - 1; v >= 0; --v) right[v] = lambda[v] * d + (v + 1 < n ? in_a_row(tie[v], right[v + 1]) : 0);
    for (Index v = 0; v < n; ++v) {
      // no spring to the ground: the level is free, and the prior says nothing of it
      if (d > 0) expected.curvature[v] += lambda[v] * d / (left[v] + right[v] - lambda[v] * d);
    }
    for (Index i = 0; i + 1 < n; ++i) expected.step[i] += 1 / (tie[i] + in_a_row(left[i], right[i + 1]));
  }
  return expected;
}

Vector eigenvalues_of_penalty(Index n_nodes, double h) {
  Matrix D = Matrix::Zero(n_nodes - 2, n_nodes);
  for (Index j = 0; j < n_nodes - 2; ++j) D.row(j).segment(j, 3) << 1, -2, 1;
  Vector values = Vector::Zero(n_nodes);  // those of level and slope
  values.tail(n_nodes - 2) = SymmetricEigen(gram_of_rows(D), false).values / (h * h * h * h);
  return values;
}

}  // namespace drtengine
