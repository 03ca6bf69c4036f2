#include "drtengine/selection.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

#include <algorithm>

namespace drtengine::testing {
namespace {

const RowMatrix kNoWeights;
const Selector kGcv{.criterion = Criterion::kGcv};

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

// log det of the Gram matrix of the columns, by QR in long double.
Real log_det_gram(const RealMatrix& columns) {
  const Eigen::HouseholderQR<RealMatrix> qr(columns);
  return 2 * qr.matrixQR().diagonal().cwiseAbs().array().log().sum();
}

// The evidence by its definition, at the solution of solve_ridge.
double explicit_evidence(const Design& design, const Vector& w2, double lambda, const Vector& z, bool nonneg) {
  const RowMatrix weights = w2.cwiseSqrt().transpose();
  const Solutions s =
      solve_ridge(design, z.transpose(), weights, Vector::Constant(1, lambda),
                  RowMatrix::Identity(design.n_basis, design.n_basis), {.nonneg = nonneg, .keep_going = {}});
  RealVector x(design.size());
  x << s.coefficients.row(0).transpose().cast<Real>(),
      s.free.row(0).transpose().cwiseQuotient(design.scale.tail(design.size() - design.n_basis)).cast<Real>();
  std::vector<Index> passive, positive;
  for (Index i = 0; i < design.size(); ++i) {
    if (i >= design.n_basis || x[i] != 0) passive.push_back(i);
    if (i < design.n_basis && x[i] != 0) positive.push_back(i);
  }
  const RealMatrix rows = stacked(design, w2, lambda);
  RealVector right = RealVector::Zero(rows.rows());
  right.head(design.rows()) = w2.cast<Real>().cwiseSqrt().cwiseProduct(z.cast<Real>());
  const RealMatrix penalty = rows.bottomRows(rows.rows() - design.rows());
  const auto n = static_cast<Real>((w2.array() > 0).count() - (design.size() - design.n_basis));
  return static_cast<double>(n * std::log((right - rows * x).squaredNorm()) + log_det_gram(rows(Eigen::all, passive)) -
                             log_det_gram(penalty(Eigen::all, positive)));
}

TEST_CASE("evidence and likelihood are those of the definition") {
  Random random(90);
  const RowMatrix Z = sample_spectra(9, 31, 1e-2, 90);
  const Vector lambda{{1e-6, 1e-4, 1e-2, 1}};
  const Design design = sample_design(31, 25);
  for (const RowMatrix& weights : {kNoWeights, RowMatrix(random.matrix(9, 62).cwiseAbs())}) {
    const RowMatrix evidence = lambda_scores(design, Z, weights, lambda, {.criterion = Criterion::kEvidence}, {});
    const RowMatrix likelihood = lambda_scores(design, Z, weights, lambda, {.criterion = Criterion::kLikelihood}, {});
    for (const Index s : {0, 5, 8}) {
      const Vector w2 = squared_weights(weights, design, 9, s);
      for (Index l = 0; l < 4; ++l) {
        CHECK(evidence(s, l) == within(explicit_evidence(design, w2, lambda[l], Z.row(s), true), 1e-5, 1));
        CHECK(likelihood(s, l) == within(explicit_evidence(design, w2, lambda[l], Z.row(s), false), 1e-5, 1));
      }
    }
  }
}

TEST_CASE("every criterion: bits of neither batch nor threads") {
  Random random(91);
  const RowMatrix Z = sample_spectra(150, 31, 1e-2, 91);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 101);
  for (const Criterion criterion : {Criterion::kEvidence, Criterion::kLCurve, Criterion::kFolds}) {
    Selector selector{.criterion = criterion};
    for (int r = 0; r < 62; ++r) selector.fold.push_back(r / 2 % 4);
    const Selection whole = select_lambda(design, Z, kNoWeights, lattice, selector, true, {});
    const Selection parallel =
        select_lambda(design, Z, kNoWeights, lattice, selector, true, {.n_threads = 3, .keep_going = {}});
    CHECK(same_bits(parallel.lambda, whole.lambda));
    for (const auto& [begin, count] : {std::pair<Index, Index>{0, 1}, {3, 9}, {60, 70}}) {
      const Selection part = select_lambda(design, Z.middleRows(begin, count), kNoWeights, lattice, selector, true, {});
      CHECK(same_bits(part.lambda, whole.lambda.segment(begin, count)));
    }
  }
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
      const RowMatrix scores = lambda_scores(design, Z, weights, lambda, kGcv, {});
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

// The unconstrained x, and what it leaves of the weighted data.
struct Unconstrained {
  RealMatrix K;
  RealVector residual;
  Real roughness;  // x'Mx
};

Unconstrained solve_explicitly(const Design& design, const Vector& w2, double lambda, const Vector& z) {
  const RealMatrix rows = stacked(design, w2, lambda), Q = orthonormal(rows);
  RealVector data = RealVector::Zero(rows.rows());
  data.head(design.rows()) = w2.cast<Real>().cwiseSqrt().cwiseProduct(z.cast<Real>());
  const RealVector fitted = Q * (Q.transpose() * data);
  const RealMatrix upper = Q.topRows(design.rows());
  return {upper * upper.transpose(), (data - fitted).head(design.rows()),
          fitted.tail(rows.rows() - design.rows()).squaredNorm() / static_cast<Real>(lambda)};
}

double score_of(Criterion criterion, const Design& design, const Vector& w2, double lambda, const Vector& z,
                const std::vector<int>& fold, double noise) {
  const Unconstrained u = solve_explicitly(design, w2, lambda, z);
  const auto n = static_cast<Real>((w2.array() > 0).count());
  const auto gcv = [&](Real rho) { return u.residual.squaredNorm() / n / std::pow(1 - rho * u.K.trace() / n, 2); };
  if (criterion == Criterion::kModifiedGcv) return static_cast<double>(gcv(n < 50 ? Real{13} / 10 : 2));
  if (criterion == Criterion::kRobustGcv) {
    const Real xi = (n < 100 ? Real{2} : Real{3}) / 10;
    return static_cast<double>(gcv(1) * (xi + (1 - xi) * u.K.squaredNorm() / n));
  }
  if (criterion == Criterion::kDiscrepancy) {
    return static_cast<double>(std::abs(std::log(u.residual.squaredNorm() / (n * Real{noise} * Real{noise}))));
  }
  if (criterion == Criterion::kFolds) {
    Real sum = 0;
    for (int k = 0; k <= *std::ranges::max_element(fold); ++k) {
      Vector others = w2;
      for (Index r = 0; r < design.rows(); ++r) others[r] *= fold[static_cast<std::size_t>(r)] != k;
      const RealMatrix rows = stacked(design, others, lambda);
      const RealVector root = (w2 - others).cast<Real>().cwiseSqrt(), z_all = z.cast<Real>();
      RealVector data = RealVector::Zero(rows.rows());
      data.head(design.rows()) = others.cast<Real>().cwiseSqrt().cwiseProduct(z_all);
      std::vector<Index> known, alone;  // to the other rows, and to the fold alone
      for (Index j = 0; j < design.size(); ++j) (rows.col(j).norm() > 0 ? known : alone).push_back(j);
      const RealMatrix A = root.asDiagonal() * design.A.cast<Real>();
      RealVector left = root.cwiseProduct(z_all) - A(Eigen::all, known) * least_squares(rows(Eigen::all, known), data);
      if (!alone.empty()) left -= A(Eigen::all, alone) * least_squares(A(Eigen::all, alone), left);
      sum += left.squaredNorm();
    }
    return static_cast<double>(sum);
  }
  // the curvature of (log residual, log roughness)/2 over log lambda, by central differences
  constexpr Real kStep = 1e-3L;
  Real x[3], y[3];
  for (int k = 0; k < 3; ++k) {
    const Unconstrained at = solve_explicitly(design, w2, lambda * static_cast<double>(std::exp((k - 1) * kStep)), z);
    x[k] = std::log(at.residual.squaredNorm()) / 2;
    y[k] = std::log(at.roughness) / 2;
  }
  const auto first = [&](const Real* v) { return (v[2] - v[0]) / (2 * kStep); };
  const auto second = [&](const Real* v) { return (v[2] - 2 * v[1] + v[0]) / (kStep * kStep); };
  return static_cast<double>((first(y) * second(x) - first(x) * second(y)) /
                             std::pow(first(x) * first(x) + first(y) * first(y), Real{1.5}));
}

TEST_CASE("the other criteria are those of the definition, with few rows and with many") {
  const Vector lambda{{1e-4, 1e-2, 1}};
  for (const Index points : {20, 31, 55}) {
    const RowMatrix Z = sample_spectra(3, points, 1e-2, 84);
    const Design design = sample_design(points, 19);
    const Vector w2 = squared_weights(kNoWeights, design, 3, 0);
    Selector selector{.noise = Vector{{0.01, 0.03, 0.02}}};
    for (const auto& [criterion, n_folds] : {std::pair{Criterion::kModifiedGcv, 1},
                                             {Criterion::kRobustGcv, 1},
                                             {Criterion::kDiscrepancy, 1},
                                             {Criterion::kLCurve, 1},
                                             {Criterion::kFolds, 4},
                                             {Criterion::kFolds, 2}}) {  // the last: Re against Im
      CAPTURE(points);
      CAPTURE(static_cast<int>(criterion));
      selector.criterion = criterion;
      selector.fold.clear();
      for (int r = 0; r < 2 * points; ++r) selector.fold.push_back(n_folds == 2 ? r % 2 : r / 2 % n_folds);
      const RowMatrix scores = lambda_scores(design, Z, kNoWeights, lambda, selector, {});
      for (Index s = 0; s < 3; ++s) {
        for (Index l = 0; l < lambda.size(); ++l) {
          const double expected =
              score_of(criterion, design, w2, lambda[l], Z.row(s), selector.fold, selector.noise[s]);
          CHECK(scores(s, l) == within(expected, 1e-5, 1e-6));
        }
      }
    }
  }
}

TEST_CASE("the choice is the lowest score of the lattice") {
  const RowMatrix Z = sample_spectra(30, 41, 1e-2, 81);
  const Design design = sample_design(41, 37);
  const Vector lattice = log_spaced(1e-8, 1e2, 101);
  const RowMatrix scores = lambda_scores(design, Z, kNoWeights, lattice, kGcv, {});
  const Selection selection = select_lambda(design, Z, kNoWeights, lattice, kGcv, false, {});
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
  const Vector inside = select_lambda(design, Z, kNoWeights, log_spaced(1e-8, 1e2, 101), kGcv, false, {}).lambda;
  for (const bool refine : {false, true}) {
    const Vector above = log_spaced(2 * inside.maxCoeff(), 1e3 * inside.maxCoeff(), 9);
    const Vector below = log_spaced(1e-3 * inside.minCoeff(), inside.minCoeff() / 2, 9);
    for (const auto& [lattice, bound] : {std::pair(above, above[0]), std::pair(below, below[8])}) {
      const Selection selection = select_lambda(design, Z, kNoWeights, lattice, kGcv, refine, {});
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
  const Selection coarse = select_lambda(design, Z, kNoWeights, lattice, kGcv, false, {});
  const Selection fine = select_lambda(design, Z, kNoWeights, lattice, kGcv, true, {});
  const double step = std::log(lattice[1] / lattice[0]);
  for (Index s = 0; s < 12; ++s) {
    CHECK(std::abs(std::log(fine.lambda[s] / coarse.lambda[s])) <= step);
    // the parabola through the logarithms of three scores around it has its minimum there
    const double h = 0.05;
    const Vector around = fine.lambda[s] * Vector{{std::exp(-h), 1, std::exp(h)}};
    const RowMatrix score = lambda_scores(design, Z.row(s), kNoWeights, around, kGcv, {}).array().log();
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
  const Vector expected = select_lambda(design, Z, kNoWeights, lattice, kGcv, true, {}).lambda;
  for (const double unit : {1e-6, 1e3}) {
    const RowMatrix weights = RowMatrix::Constant(1, 41, unit);
    CHECK(select_lambda(design, Z * unit, weights, lattice, kGcv, true, {}).lambda.isApprox(expected, 1e-4));
  }
}

TEST_CASE("a choice depends neither on the batch nor on the threads") {
  Random random(85);
  const RowMatrix Z = sample_spectra(100, 31, 1e-2, 85);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  for (const Index weight_rows : {1, 100}) {
    const RowMatrix weights = random.matrix(weight_rows, 31).cwiseAbs();
    const RowMatrix scores = lambda_scores(design, Z, weights, lattice, kGcv, {});
    const Selection together = select_lambda(design, Z, weights, lattice, kGcv, true, {});
    for (const int n_threads : {2, 7}) {
      CHECK(same_bits(lambda_scores(design, Z, weights, lattice, kGcv, {.n_threads = n_threads, .keep_going = {}}),
                      scores));
      const Selection parallel =
          select_lambda(design, Z, weights, lattice, kGcv, true, {.n_threads = n_threads, .keep_going = {}});
      CHECK(same_bits(parallel.lambda, together.lambda));
      CHECK(parallel.status == together.status);
    }
    for (const auto& [begin, count] : {std::pair<Index, Index>{0, 1}, {3, 8}, {10, 65}}) {
      const RowMatrix own = weight_rows == 1 ? weights : RowMatrix(weights.middleRows(begin, count));
      CHECK(same_bits(lambda_scores(design, Z.middleRows(begin, count), own, lattice, kGcv, {}),
                      scores.middleRows(begin, count)));
    }
  }
}

TEST_CASE("a spectrum of NaN changes no other") {
  RowMatrix Z = sample_spectra(20, 31, 1e-2, 86);
  const Design design = sample_design(31, 27);
  const Vector lattice = log_spaced(1e-8, 1e2, 51);
  const RowMatrix healthy = lambda_scores(design, Z, kNoWeights, lattice, kGcv, {});
  Z(11, 4) = std::nan("");
  const RowMatrix scores = lambda_scores(design, Z, kNoWeights, lattice, kGcv, {});
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
  const RowMatrix healthy = lambda_scores(design, Z, weights, lattice, kGcv, {});
  weights.row(11) = imaginary_only;
  for (const int n_threads : {1, 3}) {
    const SolveOptions options{.n_threads = n_threads, .keep_going = {}};
    const RowMatrix scores = lambda_scores(design, Z, weights, lattice, kGcv, options);
    CHECK(scores.row(11).array().isNaN().all());
    CHECK(same_bits(scores.topRows(11), healthy.topRows(11)));
    CHECK(same_bits(scores.bottomRows(8), healthy.bottomRows(8)));
    const Selection selection = select_lambda(design, Z, weights, lattice, kGcv, true, options);
    CHECK(selection.lambda[11] == lattice[50]);
    CHECK(selection.status[11] == Status::kLambdaAtBound);
    CHECK(std::ranges::count(selection.status, Status::kOk) == 19);
  }
  CHECK(lambda_scores(design, Z, imaginary_only, lattice, kGcv, {}).array().isNaN().all());
}

TEST_CASE("what cannot be selected") {
  const Design design = sample_design(31, 27);
  const RowMatrix Z = sample_spectra(3, 31, 1e-2, 87);
  const Vector lattice = log_spaced(1e-8, 1e2, 11);
  CHECK_THROWS_AS(select_lambda(design, Z.leftCols(60), kNoWeights, lattice, kGcv, false, {}), InvalidInput);
  CHECK_THROWS_AS(lambda_scores(design, Z, RowMatrix::Ones(2, 31), lattice, kGcv, {}), InvalidInput);
  const Selector folds{.criterion = Criterion::kFolds}, discrepancy{.criterion = Criterion::kDiscrepancy};
  CHECK_THROWS_AS(lambda_scores(design, Z, kNoWeights, lattice, folds, {}), InvalidInput);
  CHECK_THROWS_AS(lambda_scores(design, Z, kNoWeights, lattice, discrepancy, {}), InvalidInput);
}

TEST_CASE("the hook cancels") {
  const Index n = 2000;
  const RowMatrix Z = sample_spectra(10, 41, 1e-2, 88).replicate(n / 10, 1), weights = RowMatrix::Ones(n, 41);
  const Design design = sample_design(41, 37);
  for (const int n_threads : {1, 3}) {
    const SolveOptions options{.n_threads = n_threads, .keep_going = [](Index, Index) { return false; }};
    CHECK_THROWS_AS(select_lambda(design, Z, weights, log_spaced(1e-8, 1e2, 51), kGcv, false, options), Cancelled);
  }
}

}  // namespace
}  // namespace drtengine::testing
