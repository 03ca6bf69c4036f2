#include "drtengine/ridge.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

#include <numeric>

namespace drtengine::testing {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const RowMatrix kNoWeights;

// Everything about a batch but Z, with gamma at the nodes' coefficients as outputs.
struct Fit {
  Design design;
  RowMatrix weights = kNoWeights;
  Vector lambda{{1e-3}};
  SolveOptions options{};

  Solutions operator()(const RowMatrix& Z) const { return solve_ridge(design, Z, weights, lambda, outputs(), options); }
  RowMatrix outputs() const { return RowMatrix::Identity(design.n_basis, design.n_basis); }

  // What the solver is to use for one spectrum.
  Vector squared_weights(Index n_spectra, Index spectrum) const {
    Vector w2(design.rows());
    RowWeights(weights, false, design, n_spectra).squared(spectrum, w2.data());
    return w2;
  }
  double lambda_of(Index spectrum) const { return lambda.size() == 1 ? lambda[0] : lambda[spectrum]; }
};

// x as the problem has it, not in SI units.
Vector unknowns(const Design& design, const Solutions& solutions, Index spectrum) {
  Vector x(design.size());
  x << solutions.coefficients.row(spectrum).transpose(), solutions.free.row(spectrum).transpose();
  return x.cwiseQuotient(design.scale);
}

bool same_solutions(const Solutions& a, const Solutions& b) {
  return same_bits(a.coefficients, b.coefficients) && same_bits(a.free, b.free) && same_bits(a.values, b.values) &&
         same_bits(a.error, b.error) && a.status == b.status;
}

// Rows [begin, begin + n) of solutions.
Solutions part_of(const Solutions& s, Index begin, Index n) {
  return {s.coefficients.middleRows(begin, n),
          s.free.middleRows(begin, n),
          s.values.middleRows(begin, n),
          s.error.segment(begin, n),
          {s.status.begin() + begin, s.status.begin() + begin + n}};
}

bool all_ok(const Solutions& s) {
  return std::ranges::all_of(s.status, [](Status status) { return status == Status::kOk; });
}

// A'W^2(z - Ax) - lambda Mx
RealVector gradient(const Design& design, const Vector& w2, double lambda, const Vector& z, const Vector& x) {
  const RealVector residual = z.cast<Real>() - design.A.cast<Real>() * x.cast<Real>();
  return design.A.cast<Real>().transpose() * w2.cast<Real>().cwiseProduct(residual) -
         static_cast<Real>(lambda) * (design.M.cast<Real>() * x.cast<Real>());
}

// By how much the optimality conditions are missed, relative to the largest |A'W^2z|.
double violation(const Fit& fit, const RowMatrix& Z, Index spectrum, const Vector& x) {
  const Vector w2 = fit.squared_weights(Z.rows(), spectrum), z = Z.row(spectrum);
  const RealVector rise = gradient(fit.design, w2, fit.lambda_of(spectrum), z, x);
  const RealVector scale = gradient(fit.design, w2, 0, z, Vector::Zero(x.size()));
  Real worst = 0;
  for (Index j = 0; j < x.size(); ++j) {
    const bool at_zero = fit.options.nonneg && j < fit.design.n_basis && x[j] == 0;
    worst = std::max(worst, at_zero ? rise[j] : std::abs(rise[j]));
  }
  return static_cast<double>(worst) / largest(scale);
}

// The least-squares solution over the unknowns in `passive`.
Vector least_squares_over(const Fit& fit, const RowMatrix& Z, Index spectrum, const std::vector<Index>& passive) {
  const Vector w2 = fit.squared_weights(Z.rows(), spectrum);
  const RealMatrix rows = stacked(fit.design, w2, fit.lambda_of(spectrum));
  RealVector right = RealVector::Zero(rows.rows());
  right.head(Z.cols()) = w2.cast<Real>().cwiseSqrt().cwiseProduct(Z.row(spectrum).transpose().cast<Real>());
  Vector x = Vector::Zero(fit.design.size());
  x(passive) = least_squares(rows(Eigen::all, passive), right).cast<double>();
  return x;
}

// By QR, with the zeros that were found; that they are the right ones is what `violation` says.
double error(const Fit& fit, const RowMatrix& Z, Index spectrum, const Vector& x) {
  std::vector<Index> passive;
  for (Index j = 0; j < x.size(); ++j) {
    if (!fit.options.nonneg || j >= fit.design.n_basis || x[j] > 0) passive.push_back(j);
  }
  return (x - least_squares_over(fit, Z, spectrum, passive)).norm() / x.norm();
}

void check_solutions(const Fit& fit, const RowMatrix& Z, double tolerance) {
  const Solutions solutions = fit(Z);
  REQUIRE(all_ok(solutions));
  for (Index s = 0; s < Z.rows(); ++s) {
    CAPTURE(s);
    const Vector x = unknowns(fit.design, solutions, s);
    if (fit.options.nonneg) CHECK(x.head(fit.design.n_basis).minCoeff() >= 0);
    CHECK(violation(fit, Z, s, x) <= 1e-10);
    CHECK(error(fit, Z, s, x) <= tolerance);
    CHECK(error(fit, Z, s, x) <= 10 * solutions.error[s]);  // which is an estimate
    CHECK(same_bits(solutions.values.row(s), solutions.coefficients.row(s)));
  }
}

TEST_CASE("gamma >= 0: optimality, and the least-squares solution by QR beside the zeros") {
  const RowMatrix Z = sample_spectra(3, 71, 1e-3, 60);
  for (const int order : {1, 2}) {
    for (const double lambda : {0.1, 1e-3, 1e-5, 1e-7}) {
      CAPTURE(order);
      CAPTURE(lambda);
      const Fit fit{sample_design(71, 71, {.order = order}), kNoWeights, Vector{{lambda}}};
      check_solutions(fit, Z, lambda >= 1e-5 ? 1e-8 : 1e-6);
    }
  }
}

TEST_CASE("gamma free: the normal equations by QR") {
  const RowMatrix Z = sample_spectra(3, 71, 1e-3, 61);
  for (const double lambda : {0.1, 1e-3, 1e-5}) {
    CAPTURE(lambda);
    check_solutions({sample_design(71, 71), kNoWeights, Vector{{lambda}}, {.nonneg = false, .keep_going = {}}}, Z,
                    1e-8);
  }
}

TEST_CASE("weights, parts and free unknowns of every kind") {
  Random random(62);
  const RowMatrix Z = sample_spectra(10, 31, 1e-3, 62);
  const Vector lambda = Vector::NullaryExpr(10, [&] { return std::exp(random.uniform(-9, -3)); });
  for (const RowMatrix& weights :
       {RowMatrix(), RowMatrix(random.matrix(1, 31).cwiseAbs()), RowMatrix(random.matrix(1, 62).cwiseAbs()),
        RowMatrix(random.matrix(10, 31).cwiseAbs()), RowMatrix(random.matrix(10, 62).cwiseAbs())}) {
    for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
      CAPTURE(weights.rows());
      CAPTURE(weights.cols());
      CAPTURE(static_cast<int>(part));
      const Model model{.capacitance = part == Part::kBoth, .part = part};
      check_solutions({sample_design(31, 25, model), weights, lambda}, Z, 1e-8);
    }
  }
}

TEST_CASE("few functions: what trying every set of zeros finds") {
  const Index n = 6;
  const RowMatrix Z = sample_spectra(20, 15, 0.2, 63);
  const Fit fit{sample_design(15, n), kNoWeights, Vector{{1e-2}}};
  const Solutions solutions = fit(Z);
  Index zeros_seen = 0;
  for (Index s = 0; s < Z.rows(); ++s) {
    double smallest = std::numeric_limits<double>::infinity();
    Vector best;
    for (unsigned zeros = 0; zeros < 1u << n; ++zeros) {
      std::vector<Index> passive;
      for (Index j = 0; j < fit.design.size(); ++j) {
        if (j >= n || (zeros >> j & 1) == 0) passive.push_back(j);
      }
      const Vector x = least_squares_over(fit, Z, s, passive);
      const double off = std::max(violation(fit, Z, s, x), -x.head(n).minCoeff());
      if (off < smallest) {
        smallest = off;
        best = x;
      }
    }
    REQUIRE(smallest <= 1e-13);
    CHECK(distance(unknowns(fit.design, solutions, s), best) <= 1e-10);
    zeros_seen += (best.array() == 0).count();
  }
  CHECK(zeros_seen > 10);
}

TEST_CASE("a distribution that the basis holds comes back from data without noise") {
  const Design design = sample_design(71, 31);
  Vector x = Vector::Zero(design.size());
  x.segment(8, 3) << 0.5, 1, 0.25;
  x.segment(20, 2) << 2, 1;
  x.tail(2) << 0.7, 0.1;
  const RowMatrix Z = (design.A * x).transpose();
  const Solutions solutions = Fit{design, kNoWeights, Vector{{1e-9}}}(Z);
  CHECK(distance(unknowns(design, solutions, 0), x) <= 1e-4);
  CHECK(solutions.free(0, 0) == within(0.7, 1e-6));
  CHECK(solutions.free(0, 1) == within(0.1 * design.scale[32], 1e-5));
}

TEST_CASE("equal weights give the same answer shared, per spectrum, per row, and left out") {
  const RowMatrix Z = sample_spectra(20, 41, 1e-3, 64);
  Fit fit{sample_design(41, 37)};
  const Solutions expected = fit(Z);
  for (const auto& [rows, columns] : {std::pair<Index, Index>{1, 41}, {1, 82}, {20, 41}, {20, 82}}) {
    for (const bool nonneg : {true, false}) {
      fit.options.nonneg = nonneg;
      fit.weights = kNoWeights;
      const Solutions without = fit(Z);
      fit.weights = RowMatrix::Constant(rows, columns, 7);
      const Solutions with = fit(Z);
      REQUIRE(all_ok(with));
      CHECK(distance(with.coefficients, without.coefficients) <= 1e-8);  // what the solver promises
      CHECK(distance(with.free, without.free) <= 1e-8);
    }
  }
}

TEST_CASE("outputs are linear maps of the coefficients") {
  Random random(65);
  const RowMatrix Z = sample_spectra(9, 41, 1e-3, 65);
  const Fit fit{sample_design(41, 37)};
  for (const Index n_outputs : {1, 8, 50}) {
    const RowMatrix outputs = random.matrix(37, n_outputs);
    const Solutions s = solve_ridge(fit.design, Z, fit.weights, fit.lambda, outputs, fit.options);
    CHECK(distance(s.values, RowMatrix(s.coefficients * outputs)) <= 1e-14);
  }
  const Solutions none = solve_ridge(fit.design, Z, fit.weights, fit.lambda, RowMatrix(37, 0), fit.options);
  CHECK(none.values.cols() == 0);
  CHECK(none.values.rows() == 9);
}

TEST_CASE("bits depend neither on the threads nor on how a batch is cut") {
  Random random(66);
  const Index n = 150;
  const RowMatrix Z = sample_spectra(n, 31, 1e-2, 66);
  Vector lambda(n);
  for (double& l : lambda) l = std::pow(10, std::floor(random.uniform(-5, -1)));
  for (const bool own_lambda : {false, true}) {
    for (const Index weight_rows : {Index{1}, n}) {
      CAPTURE(own_lambda);
      CAPTURE(weight_rows);
      Fit fit{sample_design(31, 27), random.matrix(weight_rows, 31).cwiseAbs(), own_lambda ? lambda : Vector{{1e-3}}};
      const Solutions together = fit(Z);
      REQUIRE(all_ok(together));
      for (const int n_threads : {2, 7}) {
        Fit parallel = fit;
        parallel.options.n_threads = n_threads;
        CHECK(same_solutions(parallel(Z), together));
      }
      for (const auto& [begin, count] :
           {std::pair<Index, Index>{0, 1}, {149, 1}, {3, 8}, {5, 64}, {10, 65}, {60, 90}}) {
        CAPTURE(begin);
        CAPTURE(count);
        Fit cut = fit;
        if (weight_rows == n) cut.weights = fit.weights.middleRows(begin, count);
        cut.options.own_weights = weight_rows == n;
        if (own_lambda) cut.lambda = fit.lambda.segment(begin, count);
        CHECK(same_solutions(cut(Z.middleRows(begin, count)), part_of(together, begin, count)));
      }
    }
  }
}

TEST_CASE("a spectrum of NaN has no answer and changes no other") {
  const RowMatrix Z = sample_spectra(20, 31, 1e-3, 67);
  for (const Index weight_rows : {0, 20}) {
    Fit fit{sample_design(31, 27), RowMatrix::Ones(weight_rows, 31)};
    const Solutions healthy = fit(Z);
    for (const bool nonneg : {true, false}) {
      fit.options.nonneg = nonneg;
      const Solutions expected = fit(Z);
      RowMatrix broken = Z;
      broken(11, 17) = kNaN;
      const Solutions s = fit(broken);
      CHECK(s.status[11] != Status::kOk);
      CHECK(s.status[11] != Status::kLambdaAtBound);
      CHECK(s.coefficients.row(11).array().isNaN().all());
      CHECK(s.free.row(11).array().isNaN().all());
      CHECK(s.values.row(11).array().isNaN().all());
      CHECK(std::isnan(s.error[11]));
      CHECK(same_solutions(part_of(s, 0, 11), part_of(expected, 0, 11)));
      CHECK(same_solutions(part_of(s, 12, 8), part_of(expected, 12, 8)));
    }
  }
}

TEST_CASE("without a real part in use nothing fixes R_inf: singular, and NaN") {
  const RowMatrix Z = sample_spectra(20, 31, 1e-3, 68);
  RowMatrix imaginary_only = RowMatrix::Zero(1, 62);
  for (Index k = 0; k < 31; ++k) imaginary_only(0, 2 * k + 1) = 1;
  Fit fit{sample_design(31, 27), imaginary_only};
  const Solutions shared = fit(Z);
  CHECK(std::ranges::all_of(shared.status, [](Status status) { return status == Status::kSingular; }));
  CHECK(shared.coefficients.array().isNaN().all());
  CHECK(shared.free.array().isNaN().all());
  CHECK(shared.values.array().isNaN().all());
  CHECK(shared.error.array().isNaN().all());

  fit.weights = RowMatrix::Ones(20, 62);
  const Solutions expected = fit(Z);
  fit.weights.row(11) = imaginary_only;
  const Solutions one = fit(Z);
  CHECK(one.status[11] == Status::kSingular);
  CHECK(one.coefficients.row(11).array().isNaN().all());
  CHECK(same_solutions(part_of(one, 0, 11), part_of(expected, 0, 11)));
  CHECK(same_solutions(part_of(one, 12, 8), part_of(expected, 12, 8)));
}

TEST_CASE("zero data have a zero answer") {
  for (const Index weight_rows : {0, 3}) {
    const Fit fit{sample_design(31, 27), RowMatrix::Ones(weight_rows, 31)};
    const Solutions s = fit(RowMatrix::Zero(3, 62));
    CHECK(all_ok(s));
    CHECK(s.coefficients.isZero(0));
    CHECK(s.free.isZero(0));
  }
}

TEST_CASE("an empty batch") {
  const Solutions s = Fit{sample_design(31, 27)}(RowMatrix(0, 62));
  CHECK(s.coefficients.rows() == 0);
  CHECK(s.status.empty());
}

TEST_CASE("what cannot be solved") {
  const Fit fit{sample_design(31, 27)};
  const RowMatrix Z = sample_spectra(3, 31, 1e-3, 69), outputs = fit.outputs();
  const auto solve = [&](const RowMatrix& z, const RowMatrix& w, const Vector& lambda, const RowMatrix& o) {
    solve_ridge(fit.design, z, w, lambda, o, {});
  };
  CHECK_NOTHROW(solve(Z, kNoWeights, Vector{{1}}, outputs));
  CHECK_THROWS_AS(solve(Z.leftCols(60), kNoWeights, Vector{{1}}, outputs), InvalidInput);
  CHECK_THROWS_AS(solve(Z, RowMatrix::Ones(1, 30), Vector{{1}}, outputs), InvalidInput);
  CHECK_THROWS_AS(solve(Z, kNoWeights, Vector{{1, 1}}, outputs), InvalidInput);
  CHECK_THROWS_AS(solve(Z, kNoWeights, Vector(), outputs), InvalidInput);
  CHECK_THROWS_AS(solve(Z, kNoWeights, Vector{{1}}, RowMatrix::Ones(26, 1)), InvalidInput);
  for (const double lambda : {0.0, -1.0, kNaN, std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(solve(Z, kNoWeights, Vector{{1, lambda, 1}}, outputs), InvalidInput);
  }
}

// Each spectrum's lambda asks for a factorisation of its own: work for many calls of the hook.
TEST_CASE("the hook cancels, and its exceptions come back") {
  const Index n = 6000;
  const RowMatrix Z = sample_spectra(10, 71, 1e-3, 70).replicate(n / 10, 1);
  Fit fit{sample_design(71, 71), kNoWeights, log_spaced(1e-4, 1e-2, n)};
  for (const int n_threads : {1, 3}) {
    CAPTURE(n_threads);
    fit.options.n_threads = n_threads;
    Index last = -1;
    fit.options.keep_going = [&](Index done, Index total) {
      last = done;
      CHECK(total >= done);
      return false;
    };
    CHECK_THROWS_AS(fit(Z), Cancelled);
    CHECK(last >= 0);
    CHECK(last < n);
    fit.options.keep_going = [](Index, Index) -> bool { throw std::runtime_error("interrupted"); };
    CHECK_THROWS_WITH_AS(fit(Z.topRows(n)), "interrupted", std::runtime_error);
  }
}

TEST_CASE("a hook that goes on changes nothing") {
  const RowMatrix Z = sample_spectra(200, 31, 1e-3, 71);
  Fit fit{sample_design(31, 27), RowMatrix::Ones(200, 31)};
  const Solutions expected = fit(Z);
  Index calls = 0, last = 0, total = -1;
  fit.options.keep_going = [&](Index done, Index all) {
    ++calls;
    last = done;
    total = all;
    return true;
  };
  CHECK(same_solutions(fit(Z), expected));
  CHECK(calls > 0);
  CHECK(last == total);
}

}  // namespace
}  // namespace drtengine::testing
