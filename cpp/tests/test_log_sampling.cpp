#include "drtengine/log_sampling.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_posterior.hpp"
#include "support.hpp"

#include <complex>

namespace drtengine::testing {
namespace {

constexpr Index kNodes = 30;
const double kSpacing = std::log(1e8) / (kNodes - 1);
const RowMatrix kUnit;

// Two arcs on 25 frequencies, with noise.
struct Example {
  Vector omega = log_spaced(1e5, 1e-1, 25);
  Design design = assemble(Basis(Shape::kPiecewiseLinear, 1, Vector::LinSpaced(kNodes, std::log(1e-6), std::log(1e2))),
                           omega, {1, true, false, Part::kBoth});
  RowMatrix Z;

  explicit Example(Index n_spectra) : Z(n_spectra, 2 * omega.size()) {
    Random random(7);
    for (Index s = 0; s < n_spectra; ++s) {
      for (Index k = 0; k < omega.size(); ++k) {
        const std::complex<double> iw(0, omega[k]);
        const auto z = 10.0 + 50.0 / (1.0 + std::pow(iw * 1e-3, 0.8)) + 50.0 / (1.0 + std::pow(iw * 1e-1, 0.8));
        Z(s, 2 * k) = z.real() + random.uniform(-0.5, 0.5);
        Z(s, 2 * k + 1) = z.imag() + random.uniform(-0.5, 0.5);
      }
    }
  }
  Samples draw(ConstMatrixView spectra, Index n_draws = 400, std::uint64_t seed = 0, int n_threads = 1) const {
    SamplingOptions options;
    options.n_draws = n_draws;
    options.keep = true;
    options.seed = seed;
    options.n_threads = n_threads;
    return sample_log(design, kSpacing, spectra, kUnit, RowMatrix::Constant(kNodes, 1, kSpacing), {}, options);
  }
};

struct Fitted {
  Vector z, w2;
  LogFit fit;

  explicit Fitted(const Example& example) : z(example.Z.row(0).transpose() / 100), w2(Vector::Ones(z.size())) {
    LogLanes lanes(example.design.A, kNodes, kSpacing);
    std::vector<LogFit> fits{flat_start(example.design, kSpacing, z, w2)};
    lanes.run(fits);
    fit = fits[0];
    REQUIRE(fit.converged);
  }
};

// -ln p(f | Z) from its definition.
double direct(const Example& example, const Fitted& fitted, const LogPrior& prior, const Vector& f) {
  const Design& design = example.design;
  const Matrix F = design.A.rightCols(design.size() - kNodes);
  const Vector right = fitted.z - design.A.leftCols(kNodes) * f.array().exp().matrix();
  const double rss = (right - F * drtengine::least_squares(F, right)).squaredNorm();
  double rough = 0;
  for (Index j = 0; j < kNodes - 2; ++j) {
    rough += std::pow((f[j] - 2 * f[j + 1] + f[j + 2]) * std::pow(kSpacing, -1.5), 2);
  }
  const double left = (f[1] - f[0]) / kSpacing - kEndSlope;
  const double last = (f[kNodes - 1] - f[kNodes - 2]) / kSpacing + kEndSlope;
  const auto m = static_cast<double>(right.size() - F.cols());
  return (prior.noise_shape + m / 2) * std::log(prior.noise_rate + rss / 2) +
         (prior.lambda_shape + (kNodes - 2) / 2.0) * std::log(prior.lambda_rate + rough / 2) +
         (left * left + last * last) / (2 * kEndSlopeError * kEndSlopeError) +
         prior.hold * (f.array() - prior.level).square().sum() / 2;
}

}  // namespace

TEST_CASE("the density of ln gamma is its definition, and its gradient is that of it") {
  const Example example(1);
  const Fitted fitted(example);
  const LogPrior prior{2, 3, 4, 1e-4, 0.02, -1};
  const ReducedProblem problem(example.design, fitted.fit);
  LogPosterior posterior(problem, fitted.fit, kSpacing, prior);
  RandomStream random(3);
  Panel z(static_cast<std::size_t>(posterior.panel_size())), gradient(z);
  random.fill_normal(z.data(), kNodes * kChains);
  for (const bool rescaled : {false, true}) {
    CAPTURE(rescaled);
    if (rescaled) {  // to other coordinates of the same points
      Matrix seen(kNodes, 400);
      random.fill_normal(seen.data(), seen.size());
      seen.row(3) *= 5;
      Panel before = z;
      posterior.evaluate(z, gradient);
      const double f = posterior.log_gamma(4, 2);
      posterior.rescale(seen, z);
      posterior.evaluate(z, gradient);
      CHECK(z != before);
      CHECK(posterior.log_gamma(4, 2) == doctest::Approx(f).epsilon(1e-10));
    }
    const PerChain value = posterior.evaluate(z, gradient);
    const auto f_of = [&](Index c) {
      return Vector(Vector::NullaryExpr(kNodes, [&](Index i) { return posterior.log_gamma(i, c); }));
    };
    for (Index c = 0; c < kChains; ++c) {
      CHECK(value[static_cast<std::size_t>(c)] == within(direct(example, fitted, prior, f_of(c)), 1e-9));
    }
    const Panel slope = gradient;
    Panel scratch(z);
    for (const Index i : {0, 1, 12, 29}) {
      Panel up = z, down = z;
      for (Index c = 0; c < kChains; ++c) {
        up[static_cast<std::size_t>(i * kChains + c)] += 1e-5;
        down[static_cast<std::size_t>(i * kChains + c)] -= 1e-5;
      }
      const PerChain above = posterior.evaluate(up, scratch), below = posterior.evaluate(down, scratch);
      for (std::size_t c = 0; c < kChains; ++c) {
        CHECK((above[c] - below[c]) / 2e-5 == within(slope[static_cast<std::size_t>(i) * kChains + c], 1e-4, 1e-2));
      }
    }
  }
}

TEST_CASE("draws stand about what has been measured, and mix") {
  const Example example(2);
  const Samples s = example.draw(example.Z, 3000);
  const Index n = kNodes;
  for (Index i = 0; i < 2; ++i) {
    CAPTURE(i);
    CHECK(s.status[static_cast<std::size_t>(i)] == Status::kOk);
    CHECK(s.ess_least[i] > kEnoughDraws);
    CHECK(s.r_hat[i] < 1.02);
    CHECK(s.acceptance[i] > 0.6);
    CHECK(s.mean(i, n) == doctest::Approx(100).epsilon(0.03));
    CHECK(s.mean(i, n + 1) == doctest::Approx(10).epsilon(0.1));
    CHECK(s.mean(i, n + 3) == doctest::Approx(1 / std::sqrt(12.0)).epsilon(0.25));  // the noise
    CHECK(s.low(i, n) < s.mean(i, n));
    CHECK(s.mean(i, n) < s.high(i, n));
  }
}

TEST_CASE("draws belong to the spectrum and the seed, not to threads or company") {
  const Example example(5);
  const Samples all = example.draw(example.Z), threads = example.draw(example.Z, 400, 0, 3);
  CHECK(same_bits(all.curves, threads.curves));
  CHECK(same_bits(all.low, threads.low));
  const Samples part = example.draw(example.Z.middleRows(2, 2));
  CHECK(same_bits(part.curves, all.curves.middleRows(2 * 400, 2 * 400)));
  CHECK(same_bits(part.numbers, all.numbers.middleRows(2 * 400, 2 * 400)));
  CHECK_FALSE(same_bits(example.draw(example.Z.topRows(1), 400, 1).curves, all.curves.topRows(400)));
}

TEST_CASE("what cannot be sampled is told") {
  Example example(3);
  example.Z(1, 3) = std::numeric_limits<double>::quiet_NaN();
  const Samples s = example.draw(example.Z);
  CHECK(s.status[0] == Status::kOk);
  CHECK(s.status[1] != Status::kOk);
  CHECK(std::isnan(s.low(1, 0)));
  CHECK(s.status[2] == Status::kOk);
  CHECK_THROWS_AS(example.draw(example.Z.leftCols(4)), InvalidInput);
  CHECK_THROWS_AS(example.draw(example.Z, 0), InvalidInput);
  SamplingOptions options;
  options.keep_going = [](Index, Index) { return false; };
  CHECK_THROWS_AS(sample_log(example.design, kSpacing, example.Z, kUnit, RowMatrix::Ones(kNodes, 1), {}, options),
                  Cancelled);
  CHECK_THROWS_AS(sample_log(example.design, kSpacing, example.Z, kUnit, RowMatrix::Ones(2, 1), {}, {}), InvalidInput);
}

}  // namespace drtengine::testing
