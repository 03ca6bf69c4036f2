#include "drtengine/element_fit.hpp"

#include "drtengine/elements.hpp"
#include "element_examples.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

// Re and Im in turn.
RealVector stacked_impedance(const ElementSum& sum, const ElementModel& model, const Vector& omega) {
  RealVector Z(2 * omega.size());
  for (Index i = 0; i < omega.size(); ++i) {
    const Complex z = impedance(sum, model, Real{omega[i]});
    Z[2 * i] = z.real();
    Z[2 * i + 1] = z.imag();
  }
  return Z;
}

RowMatrix noisy(const ElementSum& sum, const ElementModel& model, const Vector& omega, double noise, Random& random) {
  RowMatrix Z = stacked_impedance(sum, model, omega).cast<double>().transpose();
  for (Index r = 0; r < Z.cols(); ++r) Z(0, r) *= 1 + noise * random.uniform(-1, 1);
  return Z;
}

ElementSum in_unit(ElementSum sum, double unit) {
  for (std::size_t j = 0; j < kSeries; ++j) sum.value[j] /= unit;
  for (Index k = 0; k < sum.count; ++k) sum.at(k, kLogR) -= std::log(unit);
  return sum;
}

Real log_det(const RealMatrix& m) { return 2 * Eigen::LLT<RealMatrix>(m).matrixLLT().diagonal().array().log().sum(); }

}  // namespace

TEST_CASE(
    "the score of a fit is Laplace's approximation, or BIC where that is lower, with derivatives by differences") {
  const Vector omega = frequencies();
  const ElementModel model(omega, true, true);
  Random random(7);
  const RowMatrix Z = noisy(three_elements(), model, omega, 2e-3, random);
  ElementFitter fitter(model);
  REQUIRE(fitter.load(Z.row(0), Eigen::RowVectorXd::Ones(omega.size())));
  const ElementFit fit = fitter.fit(in_unit(three_elements(), fitter.unit()), 200, kPolished);
  REQUIRE(fit.converged);
  REQUIRE(fit.inner.count() == 3 + 3 + 3 + 4);
  const Real m = 2 * 71, sigma2 = fit.rss / (m - 13);
  CHECK(fit.sigma2 == within(sigma2, 1e-12));
  const RealVector left =
      Z.row(0).transpose().cast<Real>() / Real{fitter.unit()} - stacked_impedance(fit.sum, model, omega);
  CHECK(fit.rss == within(left.squaredNorm(), 1e-9));

  std::vector<Index> shapes, series;
  RealMatrix J(142, 13);
  Index column = 0;
  for (Index j = 0; j < kMaxParameters; ++j) {
    if (!fit.inner[static_cast<std::size_t>(j)]) continue;
    (j < kSeries ? series : shapes).push_back(column);
    ElementSum up = fit.sum, down = fit.sum;
    up.value[static_cast<std::size_t>(j)] += 1e-5;
    down.value[static_cast<std::size_t>(j)] -= 1e-5;
    J.col(column++) = (stacked_impedance(up, model, omega) - stacked_impedance(down, model, omega)) / Real{2e-5};
  }
  RealMatrix curvature = J.transpose() * J / sigma2;
  const Real bic = -log_det(curvature(series, series)) / 2 - 10 * std::log(m) / 2;
  // of ln R, ln tau, a, b: normal priors as high as uniform ones over these ranges
  const Real ranges[] = {5, std::log(Real{1e7}) + 2, 0.6L, 0.85L};
  Real log_prior = 0;
  const auto add_prior = [&](Index at, int which) {
    const Real precision = 2 * std::numbers::pi_v<Real> / (ranges[which] * ranges[which]);
    curvature(at, at) += precision;
    log_prior += std::log(precision) / 2;
  };
  const int which[] = {0, 1, 2, 0, 1, 3, 0, 1, 2, 3};  // ZARC, Cole-Davidson, Havriliak-Negami
  for (std::size_t i = 0; i < 10; ++i) add_prior(shapes[i], which[i]);
  const Real laplace = log_prior - log_det(curvature) / 2;
  // two elements more than expected, one exponent of one, two that are no ZARC; elements have no order
  const Real costs = -2 * 3 - 2 - 2 + std::log(Real{6});
  CHECK(fit.score == within(-m * std::log(sigma2) / 2 - fit.rss / sigma2 / 2 + std::min(laplace, bic) + costs, 1e-7));
}

TEST_CASE("a parameter leaves the bound that it starts at, and comes to stand at the one that it wants to pass") {
  const Vector omega = frequencies();
  const ElementModel model(omega, false, false);
  Random random(8);
  ElementSum truth;
  truth.value[kRInf] = 10;
  truth.add(Kind::kZarc, 3, -5, 0.8, 1);
  const RowMatrix Z = noisy(truth, model, omega, 0, random);
  ElementFitter fitter(model);
  REQUIRE(fitter.load(Z.row(0), Eigen::RowVectorXd::Ones(omega.size())));
  for (const double a : {kSmallestA, 1.0}) {
    ElementSum start = in_unit(truth, fitter.unit());
    start.at(0, kA) = a;
    const ElementFit fit = fitter.fit(start, 200, kPolished);
    CHECK(fit.sum.at(0, kA) == within(0.8, 1e-6));
    CHECK(fit.inner[static_cast<std::size_t>(parameter(0, kA))]);
  }
  truth.at(0, kA) = 0.2;  // below what is allowed
  REQUIRE(fitter.load(noisy(truth, model, omega, 0, random).row(0), Eigen::RowVectorXd::Ones(omega.size())));
  const ElementFit fit = fitter.fit(in_unit(truth, fitter.unit()), 200, kPolished);
  CHECK(fit.sum.at(0, kA) == kSmallestA);
  CHECK(!fit.inner[static_cast<std::size_t>(parameter(0, kA))]);
  CHECK(fit.sigma2 == within(fit.rss / (142 - 3), 1e-12));
}

TEST_CASE("at the ends of a profile rss has risen by what was asked for") {
  const Vector omega = frequencies(), nodes = Vector::LinSpaced(92, -16, 5);
  const ElementModel model(omega, false, false);
  Random random(9);
  ElementSum truth;
  truth.value[kRInf] = 10;
  truth.add(Kind::kZarc, 3, -7, 0.8, 1);
  truth.add(Kind::kZarc, 3.5, -1, 0.9, 1);
  const RowMatrix Z = noisy(truth, model, omega, 5e-3, random), weights = RowMatrix::Ones(1, 71);
  RowMatrix gamma = RowMatrix::Zero(1, 92);
  for (const double centre : {-7.0, -1.0}) {
    gamma.row(0) += (-(nodes.array() - centre).square()).exp().matrix().transpose() * 10;
  }
  const ElementsProblem problem{omega, Z, weights, false, false, 1, {}};
  const Elements found = find_elements(
      problem, {nodes, gamma, Vector::Constant(1, 10), Vector::Constant(1, -std::numeric_limits<double>::infinity())});
  REQUIRE(found.count[0] == 2);
  const Vector rise = Vector::Constant(1, 0.03);
  const Profiles ends =
      profile_elements(problem, {found.parameters, found.covariance, found.kind, found.rss, found.sigma2}, rise);
  ElementFitter fitter(model);
  REQUIRE(fitter.load(Z.row(0), weights.row(0)));
  ElementSum best;
  for (Index k = 0; k < 2; ++k) best.add(Kind::kZarc, 0, 0, 1, 1);
  for (std::size_t j = 0; j < kMaxParameters; ++j) {
    best.value[j] = j < static_cast<std::size_t>(parameter(2, 0)) ? found.parameters(0, static_cast<Index>(j)) : 0;
  }
  best = in_unit(best, fitter.unit());
  const double rss = fitter.fit(best, 50, kPolished).rss;
  for (const Index j : {Index{kRInf}, parameter(0, kLogTau), parameter(1, kA)}) {
    CAPTURE(j);
    const double scale = j == kRInf ? fitter.unit() : 1;
    for (const RowMatrix* end : {&ends.low, &ends.high}) {
      ElementSum sum = best;
      sum.value[static_cast<std::size_t>(j)] = (*end)(0, j) / scale;
      ParameterSet held;
      held[static_cast<std::size_t>(j)] = true;
      CHECK(fitter.fit(sum, 50, kPolished, held).rss == within(1.03 * rss, 1e-5));
    }
    CHECK(ends.low(0, j) < found.parameters(0, j));
    CHECK(ends.high(0, j) > found.parameters(0, j));
  }
}

}  // namespace drtengine::testing
