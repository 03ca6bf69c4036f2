#include "drtengine/errors.hpp"
#include "drtengine/kernel.hpp"
#include "drtengine/penalty.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();

const Vector kNodes = Vector::LinSpaced(6, -5, 1), kOmega{{0.5, 3, 40, 7e3}};

Design design_of(const Model& model) { return assemble({Shape::kGaussian, 0.9, kNodes}, kOmega, model); }

// The weights as solvers see them.
Vector squared(const RowMatrix& weights, const Design& design, Index n_spectra, Index spectrum) {
  Vector w2(design.rows());
  RowWeights(weights, false, design, n_spectra).squared(spectrum, w2.data());
  return w2;
}

TEST_CASE("rows are Re and Im of every frequency in turn; parts that are not fitted are zero") {
  const Kernel k = kernel({Shape::kGaussian, 0.9, kNodes}, kOmega);
  for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
    CAPTURE(static_cast<int>(part));
    const Design design = design_of({.part = part});
    const bool real = part != Part::kImaginary, imaginary = part != Part::kReal;
    CHECK(design.n_basis == 6);
    REQUIRE(design.rows() == 8);
    REQUIRE(design.used.size() == 8);
    for (Index i = 0; i < 4; ++i) {
      const auto at = static_cast<std::size_t>(2 * i);
      CHECK(design.used[at] == real);
      CHECK(design.used[at + 1] == imaginary);
      if (real) {
        CHECK(same_bits(design.A.row(2 * i).head(6), k.real.row(i)));
      } else {
        CHECK(design.A.row(2 * i).isZero(0));
      }
      if (imaginary) {
        CHECK(same_bits(design.A.row(2 * i + 1).head(6), k.imag.row(i)));
      } else {
        CHECK(design.A.row(2 * i + 1).isZero(0));
      }
    }
  }
}

TEST_CASE("free unknowns: only those that the part and the options give a column") {
  for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
    for (const bool inductance : {false, true}) {
      for (const bool capacitance : {false, true}) {
        const Design design = design_of({.inductance = inductance, .capacitance = capacitance, .part = part});
        const bool real = part != Part::kImaginary, imaginary = part != Part::kReal;
        CHECK(design.size() == 6 + real + (imaginary && inductance) + (imaginary && capacitance));
        CHECK(design.scale.size() == design.size());
        CHECK(design.M.rows() == design.size());
        CHECK(design.M.cols() == design.size());
        CHECK(largest(design.A.rightCols(design.size() - 6)) <= 1);
      }
    }
  }
}

TEST_CASE("in SI units the free unknowns add R + i w L + 1 / (i w C)") {
  const Design design = design_of({.capacitance = true});
  const double R = 0.3, L = 2e-6, C = 5e-3;
  Vector x = Vector::Zero(9);
  x.tail(3) = Vector{{R, L, 1 / C}}.cwiseQuotient(design.scale.tail(3));
  const Vector z = design.A * x;
  for (Index i = 0; i < 4; ++i) {
    CHECK(z[2 * i] == within(R, 1e-15));
    CHECK(z[2 * i + 1] == within(kOmega[i] * L - 1 / (kOmega[i] * C), 1e-14));
  }
  CHECK(design.scale.head(6) == Vector::Ones(6));
}

TEST_CASE("the penalty is that of the basis and spares the free unknowns") {
  for (int order = 0; order <= 2; ++order) {
    const Design design = design_of({.order = order, .capacitance = true});
    CHECK(same_bits(design.M.topLeftCorner(6, 6), penalty({Shape::kGaussian, 0.9, kNodes}, order)));
    CHECK(design.M.rightCols(3).isZero(0));
    CHECK(design.M.bottomRows(3).isZero(0));
  }
}

TEST_CASE("what is no design") {
  CHECK_THROWS_AS(assemble({Shape::kGaussian, 1, kNodes}, Vector{{1, -1}}, {}), InvalidInput);
  CHECK_THROWS_AS(assemble({Shape::kGaussian, 1, kNodes}, kOmega, {.order = 3}), InvalidInput);
  CHECK_THROWS_AS(assemble({Shape::kC0, 1, kNodes}, kOmega, {.order = 2}), InvalidInput);
}

TEST_CASE("squared weights have the mean one over the rows in use and are zero elsewhere") {
  Random random(40);
  for (const Part part : {Part::kBoth, Part::kReal, Part::kImaginary}) {
    const Design design = design_of({.part = part});
    for (const Index columns : {4, 8}) {
      const RowMatrix weights = random.matrix(3, columns).cwiseAbs();
      for (Index spectrum = 0; spectrum < 3; ++spectrum) {
        const Vector w2 = squared(weights, design, 3, spectrum);
        double sum = 0, count = 0;
        for (Index r = 0; r < 8; ++r) {
          const bool used = design.used[static_cast<std::size_t>(r)];
          if (!used) CHECK(w2[r] == 0);
          sum += w2[r];
          count += used;
        }
        CHECK(sum / count == within(1, 1e-14));
        CHECK(distance(squared(weights * 1e5, design, 3, spectrum), w2) <= 1e-14);
      }
    }
  }
}

TEST_CASE("weights of rows and of frequencies, shared and per spectrum, and none") {
  const Design design = design_of({});
  // mean of the squares: (1 + 4 + 9 + 16) / 4 = 7.5
  const RowMatrix by_frequency{{1, 2, 3, 4}}, by_row{{1, 1, 2, 2, 3, 3, 4, 4}};
  const Vector expected = Vector{{1, 1, 4, 4, 9, 9, 16, 16}} / 7.5;
  CHECK(distance(squared(by_frequency, design, 5, 4), expected) <= 1e-15);
  CHECK(distance(squared(by_row, design, 5, 4), expected) <= 1e-15);
  CHECK(squared(RowMatrix(), design, 5, 4) == Vector::Ones(8));
  RowMatrix each = RowMatrix::Ones(2, 4);
  each.row(1) = by_frequency;
  CHECK(squared(each, design, 2, 0) == Vector::Ones(8));
  CHECK(distance(squared(each, design, 2, 1), expected) <= 1e-15);

  const auto describe = [&](const RowMatrix& weights) {
    const RowWeights w(weights, false, design, 2);
    return std::pair(w.per_spectrum(), w.paired());
  };
  CHECK(describe(by_frequency) == std::pair(false, true));
  CHECK(describe(by_row) == std::pair(false, false));
  CHECK(describe(each) == std::pair(true, true));
  CHECK(!describe(RowMatrix()).first);
  // with one spectrum only the caller can tell whose the row is
  CHECK(!RowWeights(by_row, false, design, 1).per_spectrum());
  CHECK(RowWeights(by_row, true, design, 1).per_spectrum());
  CHECK(!RowWeights(RowMatrix(), true, design, 1).per_spectrum());
}

TEST_CASE("a weight of zero leaves its row out") {
  const Design design = design_of({});
  const Vector w2 = squared(RowMatrix{{0, 1, 1, 1}}, design, 1, 0);
  CHECK(w2.head(2).isZero(0));
  CHECK(w2.tail(6).isApprox(Vector::Constant(6, 8.0 / 6), 1e-15));
}

TEST_CASE("what are no weights") {
  const Design design = design_of({});
  const auto check = [&](const RowMatrix& weights) { RowWeights(weights, false, design, 3); };
  CHECK_THROWS_AS(check(RowMatrix::Ones(2, 4)), InvalidInput);
  CHECK_THROWS_AS(check(RowMatrix::Ones(1, 5)), InvalidInput);
  CHECK_THROWS_AS(check(RowMatrix::Zero(1, 4)), InvalidInput);
  for (const double bad : {-1.0, kNaN, kInf}) {
    RowMatrix weights = RowMatrix::Ones(3, 8);
    weights(2, 5) = bad;
    CHECK_THROWS_AS(check(weights), InvalidInput);
  }
  RowMatrix one_row_of_zeros = RowMatrix::Ones(3, 4);
  one_row_of_zeros.row(1).setZero();
  CHECK_THROWS_AS(check(one_row_of_zeros), InvalidInput);
  CHECK_NOTHROW(check(RowMatrix::Ones(3, 4)));
}

TEST_CASE("weights that leave no row in use are a row of zeros") {
  const Design design = design_of({.part = Part::kReal});
  CHECK_THROWS_AS(RowWeights(RowMatrix{{0, 1, 0, 1, 0, 1, 0, 1}}, false, design, 1), InvalidInput);
}

}  // namespace
}  // namespace drtengine::testing
