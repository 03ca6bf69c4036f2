#include "drtengine/kramers_kronig.hpp"

#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr Index kPoints = 61;
const RowMatrix kOnes;

KkModel sample_model(Index n_rc, bool admittance = false, Part part = Part::kBoth) {
  KkModel model;
  model.omega = log_spaced(1e6, 1e-1, kPoints);
  model.tau = log_spaced(1e-6, 10, n_rc);
  model.admittance = admittance;
  model.part = part;
  return model;
}

RowMatrix sample_time() {
  RowMatrix time(1, kPoints);
  for (Index i = 0; i < kPoints; ++i) time(0, i) = std::pow(static_cast<double>(i) / (kPoints - 1), 3);
  return time;
}

// Two relaxations and R of random size, with a little noise.
RowMatrix sample_batch(Index count, std::uint64_t seed) {
  Random random(seed);
  const KkModel grid = sample_model(1);
  RowMatrix X(count, 2 * kPoints);
  for (Index s = 0; s < count; ++s) {
    const double R = random.uniform(1, 10), a = random.uniform(5, 50), b = random.uniform(5, 50);
    const double ta = std::pow(10, random.uniform(-5, -2)), tb = std::pow(10, random.uniform(-2, 1));
    for (Index i = 0; i < kPoints; ++i) {
      const double x = grid.omega[i] * ta, y = grid.omega[i] * tb;
      X(s, 2 * i) = (R + a / (1 + x * x) + b / (1 + y * y)) * (1 + 1e-3 * random.uniform(-1, 1));
      X(s, 2 * i + 1) = (-a * x / (1 + x * x) - b * y / (1 + y * y)) * (1 + 1e-3 * random.uniform(-1, 1));
    }
  }
  return X;
}

Real modulus(const RowMatrix& X, Index spectrum, Index point) {
  return std::hypot(static_cast<Real>(X(spectrum, 2 * point)), static_cast<Real>(X(spectrum, 2 * point + 1)));
}

// The model's rows over |X|, in long double: R, L, 1/C and relaxations.
RealMatrix weighted_rows(const KkModel& model, const RowMatrix& X, Index spectrum) {
  RealMatrix A = RealMatrix::Zero(2 * kPoints, kKkFree + model.tau.size());
  for (Index i = 0; i < kPoints; ++i) {
    const Real omega = model.omega[i], weight = 1 / modulus(X, spectrum, i);
    A(2 * i, 0) = weight;
    A(2 * i + 1, 1) = weight * omega;
    A(2 * i + 1, 2) = -weight / omega;
    for (Index k = 0; k < model.tau.size(); ++k) {
      const Real x = omega * model.tau[k], share = weight / (1 + x * x);
      A(2 * i, kKkFree + k) = model.admittance ? x * x * share : share;
      A(2 * i + 1, kKkFree + k) = model.admittance ? x * share : -x * share;
    }
  }
  for (Index j = 0; j < A.cols(); ++j) A.col(j) /= A.col(j).norm();
  return A;
}

RealVector weighted_data(const RowMatrix& X, Index spectrum) {
  RealVector y(2 * kPoints);
  for (Index row = 0; row < 2 * kPoints; ++row) y[row] = X(spectrum, row) / modulus(X, spectrum, row / 2);
  return y;
}

KkFits fit(const KkModel& model, const RowMatrix& X, Index n_cosines = 0, bool leverage = false, int n_threads = 1) {
  const RowMatrix time = sample_time();
  return fit_lin_kk(model, {X, kOnes, time, n_threads, {}}, n_cosines, leverage);
}

TEST_CASE("residuals are those of a QR in long double") {
  const RowMatrix X = sample_batch(11, 1);
  for (const bool admittance : {false, true}) {
    for (const Index n_rc : {1, 7, 30}) {
      const KkModel model = sample_model(n_rc, admittance);
      const KkFits found = fit(model, X);
      for (Index s = 0; s < X.rows(); ++s) {
        const RealMatrix A = weighted_rows(model, X, s);
        const RealVector y = weighted_data(X, s);
        const RealMatrix Q = orthonormal(A);
        const RealVector expected = y - Q * (Q.transpose() * y);
        CHECK(found.status[static_cast<std::size_t>(s)] == Status::kOk);
        CHECK(largest(found.residual.row(s).transpose() - expected.cast<double>()) < 1e-11);
        CHECK(found.rest_squares[s] == within(expected.squaredNorm(), 1e-8));
      }
    }
  }
}

TEST_CASE("elements of exact spectra are found, whichever part is fitted") {
  for (const bool admittance : {false, true}) {
    for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
      const KkModel model = sample_model(5, admittance, part);
      Vector elements(kKkFree + 5);
      elements << 3, 2e-6, 0.4, 5, 0, 8, 20, 1;
      const RowMatrix X = (KkBasis(sample_model(5, admittance)).kernel() * elements).transpose();
      const KkFits found = fit(model, X);
      CHECK(distance(found.elements.row(0).transpose(), elements) < 1e-8);
      CHECK(largest(found.residual) < 1e-10);
    }
  }
}

TEST_CASE("leverages and scores are those of one QR of model and remainder") {
  const Index n_cosines = 9;
  const RowMatrix X = sample_batch(3, 2), time = sample_time();
  const KkModel model = sample_model(20);
  const KkFits found = fit(model, X, n_cosines, true);
  const KkRemainder remainder = remainder_of(model.omega, n_cosines);
  for (Index s = 0; s < X.rows(); ++s) {
    const RealMatrix A = weighted_rows(model, X, s);
    const Index n = A.cols(), q = remainder.size();
    RealMatrix whole(2 * kPoints, n + q);
    whole.leftCols(n) = A;
    const RealVector y = weighted_data(X, s);
    for (Index i = 0; i < kPoints; ++i) {
      const Real a = y[2 * i] - found.residual(s, 2 * i), b = y[2 * i + 1] - found.residual(s, 2 * i + 1);
      whole(2 * i, n) = time(0, i) * a;
      whole(2 * i + 1, n) = time(0, i) * b;
      for (Index k = 0; k < n_cosines; ++k) {
        whole(2 * i, n + 1 + k) = -remainder.cosines(i, k) * b;
        whole(2 * i + 1, n + 1 + k) = remainder.cosines(i, k) * a;
      }
    }
    const RealMatrix Q = orthonormal(whole);
    const RealVector along = Q.rightCols(q).transpose() * y, rest = y - Q * (Q.transpose() * y);
    for (Index k = 0; k < q; ++k) CHECK(std::abs(found.scores(s, k)) == within(std::abs(along[k]), 1e-6, 1e-6));
    CHECK(largest(found.rest.row(s).transpose() - rest.cast<double>()) < 1e-9);
    CHECK(largest(found.leverage.row(s).transpose() - Q.rowwise().squaredNorm().cast<double>()) < 1e-7);
  }
}

TEST_CASE("weights of zero leave points out") {
  const RowMatrix X = sample_batch(2, 3), time = sample_time();
  RowMatrix weights = RowMatrix::Ones(2, kPoints), spoiled = X;
  weights(0, 10) = weights(1, 30) = 0;
  spoiled(0, 20) = 1e3;
  spoiled(1, 61) = -1e3;
  const KkModel model = sample_model(15);
  const KkFits clean = fit_lin_kk(model, {X, weights, time, 1, {}}, 0, false);
  const KkFits found = fit_lin_kk(model, {spoiled, weights, time, 1, {}}, 0, false);
  CHECK(distance(found.elements, clean.elements) < 1e-7);
}

TEST_CASE("where |X| spans many decades a spectrum has columns of its own") {
  const KkModel model = sample_model(25);
  RowMatrix X = sample_batch(9, 4);
  for (Index i = 0; i < kPoints; ++i) X(4, 2 * i + 1) -= 1e9 / model.omega[i];
  const KkFits found = fit(model, X);
  const RealVector y = weighted_data(X, 4);
  const RealMatrix Q = orthonormal(weighted_rows(model, X, 4));
  CHECK(found.status[4] == Status::kOk);
  CHECK(largest(found.residual.row(4).transpose() - (y - Q * (Q.transpose() * y)).cast<double>()) < 1e-9);
  CHECK(same_bits(found.residual.topRows(4), fit(model, sample_batch(9, 4)).residual.topRows(4)));
}

TEST_CASE("a spectrum of NaN has no answer and leaves the others alone") {
  RowMatrix X = sample_batch(9, 4);
  const KkModel model = sample_model(20);
  const RowMatrix time = sample_time(), clean = fit(model, X).residual;
  X(4, 7) = std::numeric_limits<double>::quiet_NaN();
  const KkFits found = fit(model, X);
  const KkScan scan = scan_lin_kk(sample_model(1), 1e-6, 10, 5, 0, false, {X, kOnes, time, 1, {}});
  for (Index s = 0; s < 9; ++s) {
    const auto i = static_cast<std::size_t>(s);
    CHECK((found.status[i] == Status::kSingular) == (s == 4));
    CHECK((scan.status[i] == Status::kSingular) == (s == 4));
    if (s != 4) CHECK(same_bits(found.residual.row(s), clean.row(s)));
  }
  CHECK(!found.residual.row(4).allFinite());
}

TEST_CASE("neither threads nor neighbours change a bit") {
  const RowMatrix X = sample_batch(29, 5);
  const KkModel model = sample_model(25);
  const KkFits all = fit(model, X, 9, true), threaded = fit(model, X, 9, true, 3);
  for (const auto member : {&KkFits::elements, &KkFits::residual, &KkFits::rest, &KkFits::scores, &KkFits::leverage}) {
    CHECK(same_bits(all.*member, threaded.*member));
    for (const Index s : {0, 13, 28}) {
      CHECK(same_bits((all.*member).row(s), (fit(model, X.row(s), 9, true).*member)));
    }
  }
}

TEST_CASE("a scan is one fit after the other and stops where mu says so") {
  const RowMatrix X = sample_batch(13, 6), time = sample_time();
  const Index most = 20;
  const KkBatch batch{X, kOnes, time, 2, {}};
  const KkScan all = scan_lin_kk(sample_model(1), 1e-6, 10, most, 0, true, batch);
  const KkScan some = scan_lin_kk(sample_model(1), 1e-6, 10, most, 0.7, false, batch);
  for (Index s = 0; s < X.rows(); ++s) {
    Index last = 0;
    while (last + 1 < most && all.mu(s, last) > 0.7) ++last;
    CHECK(same_bits(some.mu.row(s).head(last + 1), all.mu.row(s).head(last + 1)));
    if (last + 1 < most) CHECK(std::isnan(some.mu(s, last + 1)));
    const auto elements = all.elements.row(s).segment(last * (kKkFree + most), kKkFree + last + 1);
    CHECK(same_bits(some.elements.row(s).head(kKkFree + last + 1), elements));
    CHECK(all.mu(s, last) == mu_of(elements.data() + kKkFree, last + 1));
  }
  const KkFits alone = fit(sample_model(most), X);
  CHECK(largest(alone.residual - all.residual) < 1e-10);
}

TEST_CASE("mu counts negative relaxations against positive ones") {
  const double values[] = {3, -1, 1};
  CHECK(mu_of(values, 3) == 0.75);
  CHECK(mu_of(values, 1) == 1);
  CHECK(mu_of(values + 1, 1) == 0);
}

TEST_CASE("more unknowns than data are refused") {
  const RowMatrix X = sample_batch(1, 7);
  CHECK_THROWS_AS(fit(sample_model(2 * kPoints - 2), X), InvalidInput);
  CHECK_THROWS_AS(fit(sample_model(kPoints, false, Part::kReal), X), InvalidInput);
  CHECK_NOTHROW(fit(sample_model(2 * kPoints - 3), X));
}

}  // namespace
}  // namespace drtengine::testing
