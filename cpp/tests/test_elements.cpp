#include "drtengine/elements.hpp"

#include "drtengine/element_curve.hpp"
#include "drtengine/element_fit.hpp"
#include "drtengine/elementary.hpp"
#include "drtengine/errors.hpp"
#include "element_examples.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr Kind kKinds[] = {Kind::kZarc, Kind::kColeDavidson, Kind::kHavriliakNegami};

// [1, 2 * frequency]
RowMatrix spectrum(const ElementSum& sum, const ElementModel& model, const Vector& omega, double noise,
                   Random& random) {
  RowMatrix Z(1, 2 * omega.size());
  for (Index i = 0; i < omega.size(); ++i) {
    const Complex exact = impedance(sum, model, omega[i]);
    Z(0, 2 * i) = static_cast<double>(exact.real() + noise * std::abs(exact) * random.uniform(-1, 1));
    Z(0, 2 * i + 1) = static_cast<double>(exact.imag() + noise * std::abs(exact) * random.uniform(-1, 1));
  }
  return Z;
}

TEST_CASE("elementary functions are those of the standard library") {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const double x = random.uniform(-690, 690), y = std::exp(random.uniform(-30, 30)), z = random.uniform(-5, 5);
    CHECK(elementary::exp(x) == within(std::exp(x), 3e-16));
    CHECK(elementary::log(y) == within(std::log(y), 3e-16, 1));
    CHECK(elementary::angle(y, z) == within(std::atan2(y, z), 5e-16, 1));
    const double turn = random.uniform(0, std::numbers::pi);
    CHECK(elementary::sine_cosine(turn).sine == within(std::sin(turn), 4e-16, 1));
    CHECK(elementary::sine_cosine(turn).cosine == within(std::cos(turn), 4e-16, 1));
  }
  CHECK(elementary::angle(0, -1) == std::numbers::pi);
  CHECK(elementary::exp(0) == 1);
  CHECK(elementary::log(1) == 0);
}

TEST_CASE("the model is the formula, its derivatives are those of the formula") {
  const Vector omega = frequencies();
  const ElementModel model(omega, true, true);
  const ElementSum sum = three_elements();
  std::vector<double> weight(static_cast<std::size_t>(model.rows())), target(weight), residual(weight);
  for (Index i = 0; i < model.points(); ++i) {
    weight[static_cast<std::size_t>(i)] = 1;
    weight[static_cast<std::size_t>(model.imag(i))] = 2;
  }
  RowMatrix jacobian = RowMatrix::Zero(kMaxParameters, model.rows());
  model.evaluate(sum, weight.data(), target.data(), residual.data(), jacobian.data());
  const ParameterSet free = model.free_parameters(sum);
  CHECK(free.count() == 3 + 3 + 3 + 4);
  for (Index i = 0; i < model.points(); ++i) {
    const Complex Z = impedance(sum, model, omega[i]);
    CHECK(residual[static_cast<std::size_t>(i)] == within(-Z.real(), 1e-14));
    CHECK(residual[static_cast<std::size_t>(model.imag(i))] == within(-2 * Z.imag(), 1e-14, 1));
    for (std::size_t j = 0; j < kMaxParameters; ++j) {
      if (!free[j]) continue;
      const double step = 1e-4;  // fourth order: exact to 1e-13
      const auto shifted = [&](double by) {
        ElementSum other = sum;
        other.value[j] += by;
        return impedance(other, model, omega[i]);
      };
      const Complex slope =
          (Real{8} * (shifted(step) - shifted(-step)) - (shifted(2 * step) - shifted(-2 * step))) / Real{12 * step};
      CHECK(jacobian(static_cast<Index>(j), i) == within(slope.real(), 1e-10, 1));
      CHECK(jacobian(static_cast<Index>(j), model.imag(i)) == within(2 * slope.imag(), 1e-10, 1));
    }
  }
}

TEST_CASE("shares of the density add up, and are its integrals") {
  const Vector all_low = Vector::Constant(1, -HUGE_VAL), all_high = Vector::Constant(1, HUGE_VAL);
  for (const double a : {0.3, 0.6, 0.9, 0.999999, 1.0}) {
    for (const double b : {0.15, 0.5, 0.9, 1.0}) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK(element_share(all_low, all_high, a, b)[0] == within(1, 1e-11));
      const Vector edges = Vector::LinSpaced(9, -9, 9.5);
      const Vector share = element_share(edges.head(8), edges.tail(8), a, b);
      double inner = 0;
      for (const double s : share) inner += s;
      CHECK(inner == within(element_share(edges.head(1), edges.tail(1), a, b)[0], 1e-11));
      if (a > 0.9) continue;  // too sharp for the rule below
      for (Index i = 0; i < share.size(); ++i) {
        const Real integral = integrate(
            [&](Real u) { return Real{element_density(Vector::Constant(1, static_cast<double>(u)), a, b)[0]}; },
            edges[i], edges[i + 1], 200);
        CHECK(share[i] == within(integral, 1e-10));
      }
    }
  }
}

TEST_CASE("densities are jumps of the impedance across the negative axis") {  // Fuoss and Kirkwood
  for (const auto& [a, b] : {std::pair(0.8, 1.0), {0.6, 0.3}, {0.95, 0.7}, {1.0, 0.4}}) {
    for (const double u : {-5.0, -1.0, -0.01, 0.02, 3.0}) {
      const Complex turn = std::polar(Real{1}, static_cast<Real>(std::numbers::pi_v<Real> * a));
      const Complex Z = std::pow(Real{1} + turn * std::exp(-Real{a} * u), Real{-b});
      const Real expected = a == 1 && u > 0 ? 0 : std::abs(Z.imag()) / std::numbers::pi_v<Real>;
      CHECK(element_density(Vector::Constant(1, u), a, b)[0] == within(expected, 1e-12, 1));
    }
  }
  CHECK(std::isinf(element_density(Vector::Zero(1), 1, 0.5)[0]));
  CHECK(element_density(Vector::Zero(1), 1, 1)[0] == 0);
  CHECK(element_share(Vector::Zero(1), Vector::Ones(1), 1, 1)[0] == 1);  // the line begins the interval
  CHECK(element_share(-Vector::Ones(1), Vector::Zero(1), 1, 1)[0] == 0);
}

TEST_CASE("a fit finds its elements, and its gradient vanishes") {
  const Vector omega = frequencies();
  const ElementModel model(omega, true, true);
  Random random(2);
  for (const double noise : {0.0, 1e-3}) {
    const ElementSum truth = three_elements();
    const RowMatrix Z = spectrum(truth, model, omega, noise, random);
    ElementFitter fitter(model);
    REQUIRE(fitter.load(Z.row(0), Eigen::RowVectorXd::Ones(omega.size())));
    ElementSum start = truth;
    for (std::size_t j = 0; j < kMaxParameters; ++j) start.value[j] += j < kSeries ? -truth.value[j] : 0;
    for (Index k = 0; k < start.count; ++k) {
      start.at(k, kLogR) += random.uniform(-0.3, 0.3) - std::log(fitter.unit());
      start.at(k, kLogTau) += random.uniform(-0.3, 0.3);
    }
    const ElementFit fit = fitter.fit(start, 200, kPolished);
    CHECK(fit.converged);
    const double allowed = noise == 0 ? 1e-9 : 0.1;
    for (Index k = 0; k < truth.count; ++k) {
      CHECK(fit.sum.at(k, kLogR) + std::log(fitter.unit()) == within(truth.at(k, kLogR), allowed));
      CHECK(fit.sum.at(k, kLogTau) == within(truth.at(k, kLogTau), allowed));
      CHECK(fit.sum.at(k, kA) == within(truth.at(k, kA), allowed));
      CHECK(fit.sum.at(k, kB) == within(truth.at(k, kB), allowed));
    }
    CHECK(fit.sum.value[kRInf] * fitter.unit() == within(10, allowed));
    // no parameter lowers rss by moving
    for (std::size_t j = 0; j < kMaxParameters; ++j) {
      if (!fit.inner[j]) continue;
      for (const double by : {-1e-3, 1e-3}) {
        ElementSum moved = fit.sum;
        moved.value[j] += by;
        CHECK(fitter.fit(moved, 0, kPolished).rss > fit.rss);
      }
    }
  }
}

struct Batch {
  Vector omega = frequencies(), log_tau, R_inf, evidence;
  RowMatrix Z, weights, gamma;

  explicit Batch(Index n) : log_tau(Vector::LinSpaced(92, -16, 5)), R_inf(Vector::Constant(n, 10)), evidence(n) {
    const ElementModel model(omega, false, false);
    Random random(3);
    Z.resize(n, 2 * omega.size());
    gamma = RowMatrix::Zero(n, log_tau.size());
    weights = RowMatrix::Ones(n, omega.size());
    evidence.setConstant(-HUGE_VAL);
    for (Index s = 0; s < n; ++s) {
      ElementSum sum;
      sum.value[kRInf] = 10;
      for (const Kind kind : kKinds) {
        sum.add(kind, random.uniform(2, 4), random.uniform(-9, 1), kind == Kind::kColeDavidson ? 1 : 0.8,
                kind == Kind::kZarc ? 1 : 0.6);
      }
      Z.row(s) = spectrum(sum, model, omega, 1e-3, random);
      for (Index k = 0; k < sum.count; ++k) {  // smoothed
        gamma.row(s) += (-(log_tau.array() - sum.at(k, kLogTau)).square() / 2).exp().matrix().transpose() *
                        std::exp(sum.at(k, kLogR)) / 2.5;
      }
    }
  }
  ElementsProblem problem(int n_threads = 1) const { return {omega, Z, weights, false, false, n_threads, {}}; }
  SmoothEstimates smooth() const { return {log_tau, gamma, R_inf, evidence}; }
};

TEST_CASE("neither threads nor neighbours change a bit") {
  const Batch batch(24);
  const Elements one = find_elements(batch.problem(), batch.smooth());
  CHECK(std::ranges::count(one.status, Status::kOk) == 24);
  const Elements three = find_elements(batch.problem(3), batch.smooth());
  CHECK(same_bits(one.parameters, three.parameters));
  CHECK(same_bits(one.covariance, three.covariance));
  CHECK(same_bits(one.score, three.score));
  for (const Index s : {0, 7, 23}) {
    const ElementsProblem alone{batch.omega, batch.Z.middleRows(s, 1), batch.weights.middleRows(s, 1), false, false, 1,
                                {}};
    const Elements found = find_elements(
        alone, {batch.log_tau, batch.gamma.middleRows(s, 1), batch.R_inf.segment(s, 1), batch.evidence.segment(s, 1)});
    CHECK(same_bits(found.parameters, one.parameters.middleRows(s, 1)));
  }
}

TEST_CASE("a broken spectrum has no answer and does not stop the others") {
  Batch batch(6);
  const Elements whole = find_elements(batch.problem(), batch.smooth());
  batch.Z(1, 5) = std::nan("");
  batch.weights(2, 0) = -1;
  batch.gamma.row(3).setZero();
  batch.R_inf[4] = HUGE_VAL;
  const Elements found = find_elements(batch.problem(2), batch.smooth());
  for (const Index s : {1, 2, 3, 4}) {
    CHECK(found.status[static_cast<std::size_t>(s)] == Status::kSingular);
    CHECK(found.parameters.row(s).array().isNaN().all());
    CHECK(std::isnan(found.score[s]));
  }
  for (const Index s : {0, 5}) CHECK(same_bits(found.parameters.row(s), whole.parameters.row(s)));
}

TEST_CASE("more unknowns than data have no answer") {
  Batch batch(1);
  const Vector omega = batch.omega.head(2);
  const RowMatrix Z = batch.Z.leftCols(4), weights = batch.weights.leftCols(2);
  const Elements found = find_elements({omega, Z, weights, true, true, 1, {}}, batch.smooth());
  CHECK(found.status[0] == Status::kSingular);
}

TEST_CASE("the hook cancels a search") {
  const Batch batch(40);
  for (const int n_threads : {1, 3}) {
    ElementsProblem problem = batch.problem(n_threads);
    problem.keep_going = [](Index, Index) { return false; };
    CHECK_THROWS_AS(find_elements(problem, batch.smooth()), Cancelled);
  }
}

TEST_CASE("what does not fit together is refused") {
  const Batch batch(2);
  const RowMatrix odd = RowMatrix::Ones(2, 5);
  const Vector zeros = Vector::Zero(71), nodes = Vector::Zero(92);
  CHECK_THROWS_AS(find_elements({batch.omega, odd, batch.weights, false, false, 1, {}}, batch.smooth()), InvalidInput);
  CHECK_THROWS_AS(find_elements({batch.omega, batch.Z, odd, false, false, 1, {}}, batch.smooth()), InvalidInput);
  CHECK_THROWS_AS(find_elements({zeros, batch.Z, batch.weights, false, false, 1, {}}, batch.smooth()), InvalidInput);
  CHECK_THROWS_AS(find_elements(batch.problem(), {batch.log_tau, odd, batch.R_inf, batch.evidence}), InvalidInput);
  CHECK_THROWS_AS(find_elements(batch.problem(), {nodes, batch.gamma, batch.R_inf, batch.evidence}), InvalidInput);
  CHECK_THROWS_AS(element_gamma(odd, odd, batch.log_tau), InvalidInput);
}

}  // namespace
}  // namespace drtengine::testing
