#include "drtengine/selection.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

#include <algorithm>

namespace drtengine::testing {
namespace {

const RowMatrix kNoWeights;

Vector squared_weights(const RowMatrix& weights, const Design& design, Index n_spectra, Index spectrum) {
  Vector w2(design.rows());
  RowWeights(weights, false, design, n_spectra).squared(spectrum, w2.data());
  return w2;
}

// GCV by its definition: with QR = (WA over sqrt(lambda M)), the upper rows of Q give K = QQ'.
double explicit_score(const Design& design, const Vector& w2, double lambda, const Vector& z) {
  const RealMatrix upper = orthonormal(stacked(design, w2, lambda)).topRows(design.rows());
  const RealVector data = w2.cast<Real>().cwiseSqrt().cwiseProduct(z.cast<Real>());
  const RealVector residual = data - upper * (upper.transpose() * data);
  const Real count = static_cast<Real>((w2.array() > 0).count()), free = 1 - upper.squaredNorm() / count;
  return static_cast<double>(residual.squaredNorm() / count / (free * free));
}

TEST_CASE("scores are those of the definition") {
  Random random(80);
  const RowMatrix Z = sample_spectra(10, 31, 1e-2, 80);
  const Vector lambda{{1e-6, 1e-4, 1e-2, 1}};
  RowMatrix with_a_gap = random.matrix(1, 31).cwiseAbs();
  with_a_gap(0, 4) = 0;
  for (const RowMatrix& weights : {kNoWeights, with_a_gap, RowMatrix(random.matrix(1, 62).cwiseAbs()),
                                   RowMatrix(random.matrix(10, 31).cwiseAbs())}) {
    for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
      CAPTURE(weights.rows());
      CAPTURE(weights.cols());
      CAPTURE(static_cast<int>(part));
      const Design design = sample_design(31, 25, {.part = part});
      const RowMatrix scores = gcv_scores(design, Z, weights, lambda, {});
      REQUIRE(scores.rows() == 10);
      REQUIRE(scores.cols() == 4);
      for (const Index s : {0, 7, 9}) {
        const Vector w2 = squared_weights(weights, design, 10, s);
        for (Index l = 0; l < 4; ++l) {
          const double tolerance = lambda[l] >= 1e-4 ? 1e-8 : 1e-6;
          CHECK(scores(s, l) == within(explicit_score(design, w2, lambda[l], Z.row(s)), tolerance));
        }
      }
    }
  }
}

TEST_CASE("the choice is the lowest score of the lattice") {
  const RowMatrix Z = sample_spectra(30, 41, 1e-2, 81);
  const Design design = sample_design(41, 37);
  const Vector lattice = log_spaced(1e-8, 1e2, 101);
  const RowMatrix scores = gcv_scores(design, Z, kNoWeights, lattice, {});
  const Selection selection = select_gcv(design, Z, kNoWeights, lattice, false, {});
  for (Index s = 0; s < 30; ++s) {
    Index best;
    scores.row(s).minCoeff(&best);
    CHECK(selection.lambda[s] == lattice[best]);
    CHECK(best > 0);
    CHECK(best < 100);
    CHECK(selection.status[static_cast<std::size_t>(s)] == Status::kOk);
  }
}

TEST_CASE("a lattice beside the minimum says so") {
  const RowMatrix Z = sample_spectra(8, 41, 1e-2, 82);
  const Design design = sample_design(41, 37);
  const Vector inside = select_gcv(design, Z, kNoWeights, log_spaced(1e-8, 1e2, 101), false, {}).lambda;
  for (const bool refine : {false, true}) {
    const Vector above = log_spaced(2 * inside.maxCoeff(), 1e3 * inside.maxCoeff(), 9);
    const Vector below = log_spaced(1e-3 * inside.minCoeff(), inside.minCoeff() / 2, 9);
    for (const auto& [lattice, bound] : {std::pair(above, above[0]), std::pair(below, below[8])}) {
      const Selection selection = select_gcv(design, Z, kNoWeights, lattice, refine, {});
      for (Index s = 0; s < 8; ++s) {
        CHECK(selection.lambda[s] == bound);
        CHECK(selection.status[static_cast<std::size_t>(s)] == Status::kLambdaAtBound);
      }
    }
  }
}

TEST_CASE("refinement finds the minimum between the points of the lattice") {
  const RowMatrix Z = sample_spectra(12, 41, 1e-2, 83);
  const Design design = sample_design(41, 37);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  const Selection coarse = select_gcv(design, Z, kNoWeights, lattice, false, {});
  const Selection fine = select_gcv(design, Z, kNoWeights, lattice, true, {});
  const double step = std::log(lattice[1] / lattice[0]);
  for (Index s = 0; s < 12; ++s) {
    CHECK(std::abs(std::log(fine.lambda[s] / coarse.lambda[s])) <= step);
    // the parabola through the logarithms of three scores around it has its minimum there
    const double h = 0.05;
    const Vector around = fine.lambda[s] * Vector{{std::exp(-h), 1, std::exp(h)}};
    const RowMatrix score = gcv_scores(design, Z.row(s), kNoWeights, around, {}).array().log();
    CHECK(score(0, 1) < score(0, 0));
    CHECK(score(0, 1) < score(0, 2));
    const double minimum = h / 2 * (score(0, 0) - score(0, 2)) / (score(0, 0) - 2 * score(0, 1) + score(0, 2));
    CHECK(std::abs(minimum) <= 2e-3);
  }
}

TEST_CASE("the choice knows neither the unit of Z nor that of the weights") {
  const RowMatrix Z = sample_spectra(5, 41, 1e-2, 84);
  const Design design = sample_design(41, 37);
  const Vector lattice = log_spaced(1e-8, 1e2, 101);
  const Vector expected = select_gcv(design, Z, kNoWeights, lattice, true, {}).lambda;
  for (const double unit : {1e-6, 1e3}) {
    const RowMatrix weights = RowMatrix::Constant(1, 41, unit);
    CHECK(select_gcv(design, Z * unit, weights, lattice, true, {}).lambda.isApprox(expected, 1e-4));
  }
}

TEST_CASE("a choice depends neither on the batch nor on the threads") {
  Random random(85);
  const RowMatrix Z = sample_spectra(100, 31, 1e-2, 85);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  for (const Index weight_rows : {1, 100}) {
    const RowMatrix weights = random.matrix(weight_rows, 31).cwiseAbs();
    const RowMatrix scores = gcv_scores(design, Z, weights, lattice, {});
    const Selection together = select_gcv(design, Z, weights, lattice, true, {});
    for (const int n_threads : {2, 7}) {
      CHECK(same_bits(gcv_scores(design, Z, weights, lattice, {.n_threads = n_threads, .keep_going = {}}), scores));
      const Selection parallel =
          select_gcv(design, Z, weights, lattice, true, {.n_threads = n_threads, .keep_going = {}});
      CHECK(same_bits(parallel.lambda, together.lambda));
      CHECK(parallel.status == together.status);
    }
    for (const auto& [begin, count] : {std::pair<Index, Index>{0, 1}, {3, 8}, {10, 65}}) {
      const RowMatrix own = weight_rows == 1 ? weights : RowMatrix(weights.middleRows(begin, count));
      CHECK(
          same_bits(gcv_scores(design, Z.middleRows(begin, count), own, lattice, {}), scores.middleRows(begin, count)));
    }
  }
}

TEST_CASE("a spectrum of NaN changes no other") {
  RowMatrix Z = sample_spectra(20, 31, 1e-2, 86);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  const RowMatrix healthy = gcv_scores(design, Z, kNoWeights, lattice, {});
  Z(11, 4) = std::nan("");
  const RowMatrix scores = gcv_scores(design, Z, kNoWeights, lattice, {});
  CHECK(same_bits(scores.topRows(11), healthy.topRows(11)));
  CHECK(same_bits(scores.bottomRows(8), healthy.bottomRows(8)));
  CHECK(scores.row(11).array().isNaN().all());
}

TEST_CASE("weights that leave R_inf open have no score, and stop no other spectrum") {
  const RowMatrix Z = sample_spectra(20, 31, 1e-2, 89);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  RowMatrix imaginary_only = RowMatrix::Zero(1, 62), weights = RowMatrix::Ones(20, 62);
  for (Index k = 0; k < 31; ++k) imaginary_only(0, 2 * k + 1) = 1;
  const RowMatrix healthy = gcv_scores(design, Z, weights, lattice, {});
  weights.row(11) = imaginary_only;
  for (const int n_threads : {1, 3}) {
    const SolveOptions options{.n_threads = n_threads, .keep_going = {}};
    const RowMatrix scores = gcv_scores(design, Z, weights, lattice, options);
    CHECK(scores.row(11).array().isNaN().all());
    CHECK(same_bits(scores.topRows(11), healthy.topRows(11)));
    CHECK(same_bits(scores.bottomRows(8), healthy.bottomRows(8)));
    const Selection selection = select_gcv(design, Z, weights, lattice, true, options);
    CHECK(selection.lambda[11] == lattice[50]);
    CHECK(selection.status[11] == Status::kLambdaAtBound);
    CHECK(std::ranges::count(selection.status, Status::kOk) == 19);
  }
  CHECK(gcv_scores(design, Z, imaginary_only, lattice, {}).array().isNaN().all());
}

TEST_CASE("what cannot be selected") {
  const Design design = sample_design(31, 27);
  const RowMatrix Z = sample_spectra(3, 31, 1e-2, 87);
  const Vector lattice = log_spaced(1e-8, 1e2, 11);
  CHECK_THROWS_AS(select_gcv(design, Z.leftCols(60), kNoWeights, lattice, false, {}), InvalidInput);
  CHECK_THROWS_AS(gcv_scores(design, Z, RowMatrix::Ones(2, 31), lattice, {}), InvalidInput);
}

TEST_CASE("the hook cancels") {
  const Index n = 2000;
  const RowMatrix Z = sample_spectra(10, 41, 1e-2, 88).replicate(n / 10, 1), weights = RowMatrix::Ones(n, 41);
  const Design design = sample_design(41, 37);
  for (const int n_threads : {1, 3}) {
    const SolveOptions options{.n_threads = n_threads, .keep_going = [](Index, Index) { return false; }};
    CHECK_THROWS_AS(select_gcv(design, Z, weights, log_spaced(1e-8, 1e2, 51), false, options), Cancelled);
  }
}

}  // namespace
}  // namespace drtengine::testing
