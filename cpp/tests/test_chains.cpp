#include "drtengine/chains.hpp"

#include "support.hpp"

namespace drtengine::testing {
namespace {

// x_t = memory x_{t-1} + noise, of variance one, in every chain.
Vector autoregressive(double memory, Index rounds, std::uint64_t seed) {
  RandomStream random(seed);
  Vector x(rounds * kChains);
  for (Index i = 0; i < x.size(); ++i) {
    x[i] = i < kChains ? random.normal() : memory * x[i - kChains] + std::sqrt(1 - memory * memory) * random.normal();
  }
  return x;
}

}  // namespace

TEST_CASE("effective draws of independent and of slow chains") {
  const Mixing independent = mixing(autoregressive(0, 2000, 1));
  CHECK(independent.ess == doctest::Approx(16'000).epsilon(0.1));
  CHECK(independent.r_hat < 1.003);
  for (const double memory : {0.5, 0.9}) {  // the sum of memory^k over all k is (1 + memory) / (1 - memory)
    CAPTURE(memory);
    const Mixing slow = mixing(autoregressive(memory, 4000, 2));
    CHECK(slow.ess == doctest::Approx(32'000 * (1 - memory) / (1 + memory)).epsilon(0.12));
  }
  CHECK(mixing(autoregressive(-0.5, 2000, 3)).ess > 20'000);  // swings make means more certain
}

TEST_CASE("chains that tell different stories have not mixed") {
  Vector x = autoregressive(0, 500, 4);
  for (Index i = 0; i < x.size(); i += kChains) x[i] += 3;
  const Mixing apart = mixing(x);
  CHECK(apart.r_hat > 1.3);
  CHECK(apart.ess < 100);
  Vector drifting = autoregressive(0, 500, 5);
  for (Index i = 0; i < drifting.size(); ++i) drifting[i] += 4.0 * static_cast<double>(i) / 4000;
  CHECK(mixing(drifting).r_hat > 1.2);  // all alike, but their halves are not
  CHECK_FALSE(has_mixed({Mixing{1000, 1}, apart}));
  CHECK(has_mixed({Mixing{1000, 1}}));
}

TEST_CASE("what cannot be told is not a number") {
  CHECK(std::isnan(mixing(Vector::Zero(4 * kChains)).ess));
  Vector x = autoregressive(0, 50, 6);
  x[7] = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(mixing(x).r_hat));
  CHECK(mixing(Vector::Ones(50 * kChains)).r_hat == 1);
}

TEST_CASE("quantiles lie between the values next to them") {
  Vector x(5);
  x << 3, 1, 5, 2, 4;
  CHECK(quantile(x, 0.5) == 3);
  CHECK(quantile(x, 0.1) == doctest::Approx(1.4));
  CHECK(quantile(x, 0) == 1);
  CHECK(quantile(x, 1) == 5);
}

TEST_CASE("samples of a spectrum are summed up in its row") {
  SamplingOptions options;
  options.n_draws = 60;
  options.keep = true;
  Samples samples(2, 1, 2, options);
  RowMatrix draws(64, 2);
  for (Index i = 0; i < 64; ++i) draws.row(i) << static_cast<double>(i), 2;
  samples.put(1, draws, mixing_of_columns(draws.leftCols(1)), options);
  CHECK(samples.mean(1, 0) == doctest::Approx(29.5));  // of the draws asked for
  CHECK(samples.low(1, 0) == doctest::Approx(0.025 * 59));
  CHECK(samples.deviation(1, 1) == 0);
  CHECK(samples.curves(60 + 59, 0) == 59);
  CHECK(samples.numbers(60, 0) == 2);
  CHECK(std::isnan(samples.mean(0, 0)));
  CHECK(std::isnan(samples.curves(59, 0)));
  CHECK(samples.status[0] == Status::kSingular);
  CHECK(samples.status[1] == Status::kOk);
}

}  // namespace drtengine::testing
