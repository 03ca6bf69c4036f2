#include "drtengine/series_prior.hpp"

#include "support.hpp"

namespace drtengine::testing {
namespace {

TEST_CASE("expectations under the prior are those of the dense matrices") {
  Random random(1);
  const Index n = 7;
  const double h = 0.23;
  const Vector delta = eigenvalues_of_penalty(12, h);
  const Vector lambda = random.vector(n).array().exp(), tie = (3 * random.vector(n - 1)).array().exp();
  const PriorExpectations found = expect(lambda, tie, delta);
  RealVector curvature = RealVector::Zero(n), step = RealVector::Zero(n - 1);
  for (Index l = 2; l < delta.size(); ++l) {
    RealMatrix T = (lambda * delta[l]).cast<Real>().asDiagonal();
    for (Index i = 0; i + 1 < n; ++i) {
      RealVector e = RealVector::Zero(n);
      e[i + 1] = 1;
      e[i] = -1;
      T += Real(tie[i]) * e * e.transpose();
    }
    const RealMatrix inverse = T.inverse();
    for (Index v = 0; v < n; ++v) curvature[v] += Real(lambda[v]) * delta[l] * inverse(v, v);
    for (Index i = 0; i + 1 < n; ++i) step[i] += inverse(i, i) + inverse(i + 1, i + 1) - 2 * inverse(i, i + 1);
  }
  step += 2 * tie.cast<Real>().cwiseInverse();  // level and slope, which only the ties hold
  CHECK(distance(found.curvature.cast<Real>(), curvature) <= 1e-12);
  CHECK(distance(found.step.cast<Real>(), step) <= 1e-12);
}

TEST_CASE("the prior determines as many numbers as there are, less level and slope of all") {
  Random random(2);
  const Vector delta = eigenvalues_of_penalty(20, 0.23);
  for (const double strength : {1e-6, 1.0, 1e6}) {
    const Vector lambda = random.vector(5).array().exp(), tie = strength * random.vector(4).array().exp();
    const PriorExpectations found = expect(lambda, tie, delta);
    CHECK(found.curvature.sum() + tie.dot(found.step) == within(5 * 20 - 2, 1e-10));
  }
}

TEST_CASE("the eigenvalues are those of the penalty") {
  const Index n = 9;
  const double h = 0.3;
  RowMatrix D = RowMatrix::Zero(n - 2, n);
  for (Index j = 0; j < n - 2; ++j) D.row(j).segment(j, 3) << 1, -2, 1;
  const RowMatrix penalty = D.transpose() * D / (h * h * h * h);
  const Eigen::SelfAdjointEigenSolver<RowMatrix> eigen(penalty);
  const Vector found = eigenvalues_of_penalty(n, h);
  CHECK(found.head(2).isZero(0));
  CHECK(distance(Vector(found.tail(n - 2)), Vector(eigen.eigenvalues().tail(n - 2))) <= 1e-11);
}

// Draws u from the prior, known without error: the updates must find the parameters of the draw.
TEST_CASE("parameters of series that are known exactly are found") {
  Random random(3);
  const auto normal = [&] {
    double sum = 0;
    for (int i = 0; i < 12; ++i) sum += random.uniform(-1, 1);
    return sum / 2;  // variance one
  };
  const Index n_spectra = 41, n_nodes = 82;
  const double h = 0.23, eta = 50;
  SeriesPrior prior{h, Vector::Ones(n_spectra - 1), 1, Vector::Ones(n_spectra - 1),
                    RowMatrix::Ones(n_spectra, n_nodes - 2)};
  SeriesMoments moments{RowMatrix::Zero(n_spectra, n_nodes - 2), RowMatrix::Zero(n_spectra, n_nodes - 2),
                        Vector(n_spectra - 1), Vector::Zero(n_spectra - 1)};
  const Index jump = 12;
  RowMatrix u = RowMatrix::Zero(n_spectra, n_nodes);
  for (Index v = 1; v < n_spectra; ++v) {
    const double step = (v == jump + 1 ? 30 : 1) / std::sqrt(eta * h);
    for (Index i = 0; i < n_nodes; ++i) u(v, i) = u(v - 1, i) + step * normal();
  }
  for (Index v = 0; v < n_spectra; ++v) {
    for (Index j = 0; j < n_nodes - 2; ++j) {
      moments.difference(v, j) = (u(v, j) - 2 * u(v, j + 1) + u(v, j + 2)) / std::pow(h, 1.5);
    }
    if (v > 0) moments.step2[v - 1] = h * (u.row(v) - u.row(v - 1)).squaredNorm();
  }
  double change = 1;
  for (int i = 0; i < 60; ++i) change = adapt(prior, moments, i < 4);
  CHECK(change < 0.02);
  // the draw has no curvature penalty of its own, so that its tie comes out near the one drawn from
  CHECK(prior.eta > eta / 2);
  CHECK(prior.eta < eta * 2);
  Index weakest = 0;
  CHECK(prior.q.minCoeff(&weakest) < 0.15);
  CHECK(weakest == jump);
  for (Index i = 0; i < n_spectra - 1; ++i) {
    if (i != jump) CHECK(prior.q[i] > 0.5);
  }
}

}  // namespace
}  // namespace drtengine::testing
