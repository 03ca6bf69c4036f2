#include "drtengine/log_smooth.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_band.hpp"
#include "drtengine/log_lanes.hpp"
#include "support.hpp"

#include <complex>

namespace drtengine::testing {
namespace {

constexpr double kSpacing = 0.3;
const RowMatrix kUnit;

// Two ZARCs of 50 ohm and 10 ohm in series, with pseudo-random relative noise.
struct Example {
  Vector omega = Vector::LinSpaced(50, std::log(1e-1), std::log(1e5)).array().exp();
  Design design = assemble(Basis(Shape::kPiecewiseLinear, 1, Vector::LinSpaced(58, -14.0, -14.0 + 57 * kSpacing)),
                           omega, {1, true, false, Part::kBoth});
  RowMatrix Z;

  explicit Example(Index n_spectra, double noise) : Z(n_spectra, 2 * omega.size()) {
    std::uint32_t state = 12345;
    const auto uniform = [&state] {
      state = state * 1664525u + 1013904223u;
      return static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    };
    for (Index s = 0; s < n_spectra; ++s) {
      for (Index k = 0; k < omega.size(); ++k) {
        const std::complex<double> iw(0, omega[k]);
        const auto z = 10.0 + 50.0 / (1.0 + std::pow(iw * 1e-3, 0.8)) + 50.0 / (1.0 + std::pow(iw * 1e-1, 0.8));
        const double size = noise * std::abs(z) * std::sqrt(12.0);
        Z(s, 2 * k) = z.real() + size * uniform();
        Z(s, 2 * k + 1) = z.imag() + size * uniform();
      }
    }
  }
  LogSolutions fit(ConstMatrixView spectra, int n_threads = 1) const {
    return fit_log(design, kSpacing, spectra, {kUnit}, n_threads, {});
  }
};

Vector exact_gamma(const Vector& log_tau) {
  const double pi = std::numbers::pi, phi = 0.8;
  Vector gamma = Vector::Zero(log_tau.size());
  for (const double tau : {1e-3, 1e-1}) {
    for (Index i = 0; i < log_tau.size(); ++i) {
      gamma[i] += 50 / (2 * pi) * std::sin((1 - phi) * pi) /
                  (std::cosh(phi * (log_tau[i] - std::log(tau))) - std::cos((1 - phi) * pi));
    }
  }
  return gamma;
}

}  // namespace

TEST_CASE("a smooth fit finds gamma and the noise") {
  const Example example(9, 0.003);
  const LogSolutions s = example.fit(example.Z);
  const Vector exact = exact_gamma(Vector::LinSpaced(58, -14.0, -14.0 + 57 * kSpacing));
  for (Index i = 0; i < 9; ++i) {
    CAPTURE(i);
    CHECK(s.status[static_cast<std::size_t>(i)] == Status::kOk);
    CHECK((s.log_gamma.row(i).transpose().array().exp().matrix() - exact).norm() < 0.15 * exact.norm());
    CHECK(s.free(i, 0) == doctest::Approx(10).epsilon(0.1));
    CHECK(s.dof[i] > 5);
    CHECK(s.dof[i] < 25);
  }
}

TEST_CASE("neither threads nor company change a bit") {
  const Example example(70, 0.005);
  const LogSolutions one = example.fit(example.Z), seven = example.fit(example.Z, 7);
  CHECK(one.log_gamma == seven.log_gamma);
  CHECK(one.evidence == seven.evidence);
  const LogSolutions part = example.fit(example.Z.middleRows(11, 13));
  CHECK(part.log_gamma == one.log_gamma.middleRows(11, 13));
}

TEST_CASE("a spectrum that is not finite fails alone") {
  Example example(3, 0.005);
  const LogSolutions sound = example.fit(example.Z);
  example.Z(1, 4) = std::numeric_limits<double>::quiet_NaN();
  const LogSolutions s = example.fit(example.Z);
  CHECK(s.status[1] == Status::kSingular);
  CHECK(std::isnan(s.log_gamma(1, 0)));
  CHECK(s.log_gamma.row(2) == sound.log_gamma.row(2));
}

TEST_CASE("roughness is a quadratic form with the gradient that goes with it") {
  const std::vector<double> precision = {1.0, 2.0, 0.5, 3.0};
  Vector u(6);
  u << 0.1, -0.4, 0.3, 0.9, 0.2, -0.7;
  const RowMatrix P = roughness_matrix(precision, kSpacing);
  CHECK(P.isApprox(P.transpose(), 1e-15));
  const auto value = [&](const Vector& x) {
    double sum = 0;
    for (Index j = 0; j < 4; ++j) {
      const double d = (x[j] - 2 * x[j + 1] + x[j + 2]) * std::pow(kSpacing, -1.5);
      sum += precision[static_cast<std::size_t>(j)] * d * d / 2;
    }
    const double left = (x[1] - x[0]) / kSpacing - kEndSlope, right = (x[5] - x[4]) / kSpacing + kEndSlope;
    return sum + (left * left + right * right) / (2 * kEndSlopeError * kEndSlopeError);
  };
  const Vector gradient = roughness_gradient(precision, kSpacing, u);
  for (Index i = 0; i < 6; ++i) {
    Vector up = u, down = u;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    CHECK(gradient[i] == doctest::Approx((value(up) - value(down)) / 2e-5).epsilon(1e-4));
  }
}

TEST_CASE("bands stand around the truth, wider where more is asked") {
  const Example example(20, 0.005);
  const Vector exact = exact_gamma(Vector::LinSpaced(58, -14.0, -14.0 + 57 * kSpacing));
  const RowMatrix relief = RowMatrix::Ones(20, example.Z.cols());
  const RowMatrix functionals = RowMatrix::Constant(58, 1, kSpacing);
  const auto bands = [&](BandKind kind, int n_threads) {
    BandOptions options;
    options.kind = kind;
    return find_bands(example.design, kSpacing, example.Z, kUnit, relief, functionals, options, n_threads, {});
  };
  const Bands pointwise = bands(BandKind::kCalibrated, 1), safe = bands(BandKind::kOneSided, 1);
  Index inside = 0, all = 0;
  for (Index s = 0; s < 20; ++s) {
    for (Index i = 0; i < 58; ++i) {
      if (exact[i] < 0.02 * exact.maxCoeff()) continue;
      ++all;
      inside += std::abs(std::log(exact[i]) - pointwise.centre(s, i)) < 1.96 * pointwise.deviation(s, i);
    }
    CHECK(pointwise.integral(s, 0) == doctest::Approx(100).epsilon(0.03));
    CHECK(pointwise.u_integral(s, 0) > 0.05);
    CHECK(pointwise.u_integral(s, 0) < 3);
    CHECK(safe.deviation.row(s).mean() > pointwise.deviation.row(s).mean());
  }
  CHECK(static_cast<double>(inside) > 0.85 * static_cast<double>(all));
  CHECK(bands(BandKind::kCalibrated, 3).deviation == pointwise.deviation);
  const Bands whole = bands(BandKind::kSimultaneous, 2);
  CHECK(whole.factor.minCoeff() > 2.3);
  CHECK(whole.factor.maxCoeff() < 4);
}

TEST_CASE("the evidence is that of the data in ohm") {
  const Example example(3, 0.003);
  const LogSolutions one = example.fit(example.Z), many = example.fit(1000 * example.Z);
  const double rows = 2 * 50, n_free = 2;
  for (Index s = 0; s < 3; ++s) {
    CHECK(many.evidence[s] - one.evidence[s] == within((n_free - rows) * std::log(1000.0), 1e-6));
    CHECK(many.evidence_local[s] - one.evidence_local[s] == within((n_free - rows) * std::log(1000.0), 1e-6));
    CHECK(many.noise[s] == within(1000 * one.noise[s], 1e-6));
    CHECK(many.rss[s] == within(1e6 * one.rss[s], 1e-6));
  }
}

TEST_CASE("what a band says of R_inf and of the noise is what many draws of the noise do") {
  const Index count = 160;
  const Example example(count, 0.004);
  const RowMatrix relief = RowMatrix::Ones(count, example.Z.cols()), none = RowMatrix::Zero(58, 0);
  const auto bands = [&](ConstMatrixView Z, const BandOptions& options) {
    return find_bands(example.design, kSpacing, Z, kUnit, relief, none, options, 1, {});
  };
  const Bands found = bands(example.Z, {});
  CHECK(found.exponent.mean() == within(1, 0.1));  // sigma goes with |Z|
  const RowMatrix exact = Example(1, 0).Z;
  Random random(12);
  const RowMatrix constant = exact.replicate(count, 1) + 0.2 * random.matrix(count, exact.cols());
  CHECK(std::abs(bands(constant, {}).exponent.mean()) < 0.1);  // sigma is the same everywhere

  // of the fits with the weights that the noise asks for
  RowMatrix modulus(1, 50);
  for (Index k = 0; k < 50; ++k) modulus(0, k) = 1 / std::hypot(exact(0, 2 * k), exact(0, 2 * k + 1));
  const Vector R_inf = fit_log(example.design, kSpacing, example.Z, {modulus}, 1, {}).free.col(0);
  const double scatter = std::sqrt((R_inf.array() - R_inf.mean()).square().sum() / (count - 1));
  CHECK(found.u_R_inf.mean() > scatter);  // the bias of smoothing counts, too
  CHECK(found.u_R_inf.mean() < 2 * scatter);
}

TEST_CASE("smooth fits refuse what does not fit together") {
  const Example example(2, 0.005);
  CHECK_THROWS_AS(fit_log(example.design, kSpacing, example.Z, {}, 1, {}), InvalidInput);
  CHECK_THROWS_AS(fit_log(example.design, kSpacing, example.Z.leftCols(10), {kUnit}, 1, {}), InvalidInput);
  CHECK_THROWS_AS(
      find_bands(example.design, kSpacing, example.Z, kUnit, RowMatrix::Ones(1, 1), RowMatrix::Ones(58, 1), {}, 1, {}),
      InvalidInput);
  const KeepGoing stop = [](Index, Index) { return false; };
  CHECK_THROWS_AS(fit_log(example.design, kSpacing, example.Z, {kUnit}, 1, stop), Cancelled);
}

}  // namespace drtengine::testing
