#include "drtengine/truncated.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr Index kDraws = 40'000;

RowMatrix draws_of(const Vector& mean, const RowMatrix& H, Index n_constrained) {
  TruncatedNormal normal(mean, H, n_constrained);
  RandomStream random(11);
  normal.start(mean.cwiseMax(0.1));
  RowMatrix x(kDraws, mean.size());
  for (Index i = 0; i < kDraws; ++i) {
    normal.advance(random);
    x.row(i) = normal.x().transpose();
  }
  CHECK(normal.given_up() == 0);
  return x;
}

RowMatrix covariance_of(const RowMatrix& x) {
  const RowMatrix centred = x.rowwise() - x.colwise().mean();
  return centred.transpose() * centred / static_cast<double>(x.rows());
}

// Mean and second moments of exp(-(x-m)'H(x-m)/2) over x, y > 0, by quadrature.
struct Moments {
  Vector mean = Vector::Zero(2);
  RowMatrix covariance = RowMatrix::Zero(2, 2);

  Moments(const Vector& m, const RowMatrix& H, double lowest_y) {
    double total = 0;
    constexpr int kPoints = 1500;
    constexpr double kReach = 9;
    RowMatrix square = RowMatrix::Zero(2, 2);
    for (int i = 0; i < kPoints; ++i) {
      for (int j = 0; j < kPoints; ++j) {
        Vector x(2);
        x << kReach * (i + 0.5) / kPoints, lowest_y + (kReach - lowest_y) * (j + 0.5) / kPoints;
        const double p = std::exp(-(x - m).dot(H * (x - m)) / 2);
        total += p;
        mean += p * x;
        square += p * x * x.transpose();
      }
    }
    mean /= total;
    covariance = square / total - mean * mean.transpose();
  }
};

}  // namespace

TEST_CASE("without walls draws have the mean and the covariance of the normal distribution") {
  Random random(1);
  const RowMatrix H = random.positive_definite(5, 100);
  const Vector mean = random.vector(5);
  const RowMatrix x = draws_of(mean, H, 0), expected = Cholesky(H).inverse();
  for (Index i = 0; i < 5; ++i) {
    CHECK(std::abs(x.col(i).mean() - mean[i]) < 5 * std::sqrt(expected(i, i) / kDraws));
  }
  CHECK(distance(covariance_of(x), expected) < 0.03);
}

TEST_CASE("one coordinate follows the truncated normal distribution") {
  for (const double mean : {1.0, 0.0, -2.0}) {  // in standard deviations of 0.5
    CAPTURE(mean);
    const double sigma = 0.5, density = std::exp(-mean * mean / 2) / std::sqrt(2 * std::numbers::pi);
    const double hazard = density / (std::erfc(-mean / std::numbers::sqrt2) / 2);
    const RowMatrix x = draws_of(Vector::Constant(1, mean * sigma), RowMatrix::Constant(1, 1, 4), 1);
    CHECK(x.minCoeff() >= 0);
    CHECK(x.mean() == doctest::Approx(sigma * (mean + hazard)).epsilon(0.02));
    CHECK(covariance_of(x)(0, 0) ==
          doctest::Approx(sigma * sigma * (1 - mean * hazard - hazard * hazard)).epsilon(0.04));
  }
}

TEST_CASE("two coordinates, both or one bounded, agree with quadrature") {
  Vector mean(2);
  mean << 0.4, -0.7;
  RowMatrix H(2, 2);
  H << 2, -1.4, -1.4, 1.5;
  for (const Index n_constrained : {2, 1}) {
    CAPTURE(n_constrained);
    const Moments exact(mean, H, n_constrained == 2 ? 0 : -9);
    const RowMatrix x = draws_of(mean, H, n_constrained);
    CHECK(x.leftCols(n_constrained).minCoeff() >= 0);
    CHECK(distance(x.colwise().mean().transpose().eval(), exact.mean) < 0.02);
    CHECK(distance(covariance_of(x), exact.covariance) < 0.04);
  }
}

TEST_CASE("a normal distribution needs a precision") {
  CHECK_THROWS_AS(TruncatedNormal(Vector::Zero(2), RowMatrix::Zero(2, 2), 1), NotPositiveDefinite);
}

}  // namespace drtengine::testing
