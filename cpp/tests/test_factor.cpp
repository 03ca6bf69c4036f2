#include "drtengine/factor.hpp"

#include "drtengine/dense.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

Vector some_weights(Index n) { return log_spaced(0.1, 10, n); }

// The unconstrained x of spectra, by whole matrices.
RowMatrix expected_solutions(const Design& design, const Vector& w2, double lambda, const RowMatrix& Z) {
  const RowMatrix H = weighted_gram(design, w2) + lambda * design.M;
  return Cholesky(H).solve(design.A.transpose() * w2.asDiagonal() * Z.transpose()).transpose();
}

RowMatrix solutions(const SharedFactor& factor, const Design& design, const RowMatrix& Z) {
  RowMatrix z = RowMatrix::Zero(padded(Z.rows()), padded(Z.cols())), x(z.rows(), padded(design.size()));
  z.topLeftCorner(Z.rows(), Z.cols()) = Z;
  factor.solve(z.data(), z.cols(), Z.rows(), x.data());
  return x.topLeftCorner(Z.rows(), design.size());
}

TEST_CASE("a dense grid is compressed to the rank of its kernel") {
  const Design design = sample_design(220, 220);
  const Vector w2 = some_weights(design.rows());
  const SharedRows rows(design, w2);
  CHECK(rows.R.rows() < design.size() * 2 / 3);
  REQUIRE(rows.WQ.cols() == rows.R.rows());
  CHECK(distance(RowMatrix(rows.WQ * rows.R), RowMatrix(w2.asDiagonal() * design.A)) <= 1e-12);
  CHECK(distance(rows.gram, weighted_gram(design, w2)) <= 1e-13);

  const RowMatrix Z = sample_spectra(11, 220, 0.01, 3);
  for (const double lambda : {1e-1, 1e-3, 1e-5}) {
    CAPTURE(lambda);
    const SharedFactor factor(rows, design.M, lambda);
    CHECK(distance(solutions(factor, design, Z), expected_solutions(design, w2, lambda, Z)) <= 10 * factor.error());
  }
}

TEST_CASE("a sparse grid is left as it is") {
  const Design design = sample_design(71, 71);
  const Vector w2 = some_weights(design.rows());
  const SharedRows rows(design, w2);
  CHECK(rows.WQ.size() == 0);
  CHECK(distance(rows.R, RowMatrix(w2.asDiagonal() * design.A)) == 0);
  const RowMatrix Z = sample_spectra(3, 71, 0.01, 4);
  const SharedFactor factor(rows, design.M, 1e-3);
  CHECK(distance(solutions(factor, design, Z), expected_solutions(design, w2, 1e-3, Z)) <= 10 * factor.error());
}

}  // namespace
}  // namespace drtengine::testing
