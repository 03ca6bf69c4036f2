// Apart from the header, because Eigen's decompositions take long to compile.
#include "support.hpp"

#include <complex>

namespace drtengine::testing {
namespace {

RealMatrix square_root(const RowMatrix& M) {  // R with R'R = M
  const Eigen::SelfAdjointEigenSolver<RealMatrix> eigen(M.cast<Real>());
  return eigen.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal() * eigen.eigenvectors().transpose();
}

}  // namespace

RowMatrix Random::positive_definite(Index n, double condition) {
  const Eigen::MatrixXd Q = Eigen::HouseholderQR<Eigen::MatrixXd>(matrix(n, n)).householderQ();
  Vector eigenvalues(n);
  for (Index i = 0; i < n; ++i) {
    eigenvalues[i] = std::pow(condition, -static_cast<double>(i) / static_cast<double>(std::max<Index>(n - 1, 1)));
  }
  const RowMatrix half = Q * eigenvalues.asDiagonal() * Q.transpose() / 2;
  return half + half.transpose();
}

Vector log_spaced(double first, double last, Index n) {
  return Vector::LinSpaced(n, std::log(first), std::log(last)).array().exp();
}

Design sample_design(Index n_frequencies, Index n_nodes, const Model& model) {
  const Vector omega = log_spaced(1e-2, 1e7, n_frequencies), nodes = log_spaced(1e-7, 1e2, n_nodes).array().log();
  return assemble({Shape::kGaussian, epsilon_from_fwhm(Shape::kGaussian, 0.5, nodes), nodes}, omega, model);
}

RowMatrix sample_spectra(Index n_spectra, Index n_frequencies, double noise, std::uint64_t seed) {
  Random random(seed);
  const Vector omega = log_spaced(1e-2, 1e7, n_frequencies);
  RowMatrix Z(n_spectra, 2 * n_frequencies);
  for (Index s = 0; s < n_spectra; ++s) {
    const double R = random.uniform(0.5, 2), L = random.uniform(1e-8, 1e-7);
    double R_arc[2], tau[2], alpha[2];
    for (int j = 0; j < 2; ++j) {
      R_arc[j] = random.uniform(0.5, 2);
      tau[j] = std::exp(random.uniform(-9, 1));
      alpha[j] = random.uniform(0.7, 0.95);
    }
    for (Index k = 0; k < n_frequencies; ++k) {
      std::complex<double> z(R, omega[k] * L);
      for (int j = 0; j < 2; ++j) {
        z += R_arc[j] / (1.0 + std::pow(std::complex<double>(0, omega[k] * tau[j]), alpha[j]));
      }
      Z(s, 2 * k) = z.real() + noise * random.uniform(-1, 1) * std::abs(z);
      Z(s, 2 * k + 1) = z.imag() + noise * random.uniform(-1, 1) * std::abs(z);
    }
  }
  return Z;
}

RealMatrix stacked(const Design& design, const Vector& w2, double lambda) {
  RealMatrix rows(design.rows() + design.size(), design.size());
  rows << w2.cast<Real>().cwiseSqrt().asDiagonal() * design.A.cast<Real>(),
      std::sqrt(static_cast<Real>(lambda)) * square_root(design.M);
  return rows;
}

RealVector least_squares(const RealMatrix& rows, const RealVector& right) {
  return Eigen::HouseholderQR<RealMatrix>(rows).solve(right);
}

RealMatrix orthonormal(const RealMatrix& rows) {
  return Eigen::HouseholderQR<RealMatrix>(rows).householderQ() * RealMatrix::Identity(rows.rows(), rows.cols());
}

}  // namespace drtengine::testing
