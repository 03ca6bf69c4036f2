#include "drtengine/ridge_sampling.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/ridge.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr Index kNodes = 31;
const RowMatrix kUnit;

struct Example {
  Design design = sample_design(40, kNodes);
  RowMatrix Z;
  Vector lambda = Vector::Constant(1, 1e-2);
  RowMatrix outputs = RowMatrix::Identity(kNodes, kNodes);
  bool nonneg;
  Solutions modes;

  Example(Index n_spectra, bool nonneg_) : Z(sample_spectra(n_spectra, 40, 0.01, 3)), nonneg(nonneg_), modes(solve()) {}

  Solutions solve() const {
    SolveOptions options;
    options.nonneg = nonneg;
    return solve_ridge(design, Z, kUnit, lambda, outputs, options);
  }
  Samples draw(Index first, Index count, Index n_draws, int n_threads = 1, std::uint64_t seed = 0) const {
    SamplingOptions options;
    options.n_draws = n_draws;
    options.keep = true;
    options.n_threads = n_threads;
    options.seed = seed;
    const RowMatrix x = modes.coefficients.middleRows(first, count), free = modes.free.middleRows(first, count);
    return sample_ridge(design, Z.middleRows(first, count), kUnit, false, nonneg, {x, free, lambda}, outputs, kNodes,
                        options);
  }
};

}  // namespace

TEST_CASE("a free gamma has the mean and the covariance of the normal equations") {
  const Example example(1, false);
  const Samples s = example.draw(0, 1, 20'000);
  REQUIRE(s.status[0] == Status::kOk);
  Vector w2(example.design.rows());
  RowWeights(kUnit, false, example.design, 1).squared(0, w2.data());
  const RowMatrix gram = weighted_gram(example.design, w2);
  const Matrix inverse = Cholesky(gram + 1e-2 * example.design.M).inverse();
  Vector x(example.design.size());
  x << example.modes.coefficients.row(0).transpose(),
      example.modes.free.row(0).transpose().cwiseQuotient(example.design.scale.tail(example.modes.free.cols()));
  const double rss = w2.dot((example.Z.row(0).transpose() - example.design.A * x).cwiseAbs2());
  const double noise2 = rss / (static_cast<double>(w2.size()) - inverse.cwiseProduct(gram).sum());
  CHECK(s.mean(0, s.mean.cols() - 1) == doctest::Approx(std::sqrt(noise2)).epsilon(1e-6));
  for (Index i = 0; i < kNodes; ++i) {
    CAPTURE(i);
    const double deviation = std::sqrt(noise2 * inverse(i, i));
    CHECK(std::abs(s.mean(0, i) - x[i]) < 5 * deviation / std::sqrt(20'000.0));
    CHECK(s.deviation(0, i) == doctest::Approx(deviation).epsilon(0.03));
    CHECK(s.high(0, i) - s.low(0, i) == doctest::Approx(2 * 1.96 * deviation).epsilon(0.05));
  }
  CHECK(s.r_hat[0] == 1);
}

TEST_CASE("a gamma that may not be negative is not, and mixes") {
  const Example example(2, true);
  const Samples s = example.draw(0, 2, 2000);
  for (Index i = 0; i < 2; ++i) {
    CHECK(s.status[static_cast<std::size_t>(i)] == Status::kOk);
    CHECK(s.ess_least[i] > kEnoughDraws);
    CHECK(s.r_hat[i] < 1.02);
    CHECK(s.divergences[static_cast<std::size_t>(i)] == 0);
  }
  CHECK(s.curves.minCoeff() >= 0);
  // the mode stands on walls that the mean keeps away from
  CHECK(example.modes.coefficients.row(0).minCoeff() == 0);
  CHECK(s.mean.row(0).head(kNodes).minCoeff() > 0);
}

TEST_CASE("draws of ridge belong to the spectrum and the seed") {
  const Example example(4, true);
  const Samples all = example.draw(0, 4, 200), part = example.draw(1, 2, 200, 2);
  CHECK(same_bits(part.curves, all.curves.middleRows(200, 400)));
  CHECK_FALSE(same_bits(example.draw(1, 1, 200, 1, 9).curves, all.curves.middleRows(200, 200)));
}

TEST_CASE("a spectrum without a mode has no draws; what does not fit together is refused") {
  Example example(3, true);
  example.modes.coefficients.row(1).setConstant(std::numeric_limits<double>::quiet_NaN());
  const Samples s = example.draw(0, 3, 200);
  CHECK(s.status[1] == Status::kSingular);
  CHECK(std::isnan(s.low(1, 0)));
  CHECK(s.status[2] == Status::kOk);
  const RowMatrix x = example.modes.coefficients, free = example.modes.free;
  const RidgeModes modes{x, free, example.lambda};
  const auto draw = [&](const RidgeModes& m, ConstMatrixView Z, ConstMatrixView outputs, Index n_draws) {
    SamplingOptions options;
    options.n_draws = n_draws;
    return sample_ridge(example.design, Z, kUnit, false, true, m, outputs, kNodes, options);
  };
  CHECK_THROWS_AS(draw(modes, example.Z.leftCols(4), example.outputs, 100), InvalidInput);
  CHECK_THROWS_AS(draw(modes, example.Z.topRows(2), example.outputs, 100), InvalidInput);
  CHECK_THROWS_AS(draw(modes, example.Z, example.outputs.topRows(2), 100), InvalidInput);
  CHECK_THROWS_AS(draw(modes, example.Z, example.outputs, 0), InvalidInput);
  const Vector lambdas = Vector::Ones(2);
  CHECK_THROWS_AS(draw({x, free, lambdas}, example.Z, example.outputs, 100), InvalidInput);
}

}  // namespace drtengine::testing
