#include "drtengine/tile.hpp"

#include "support.hpp"

namespace drtengine::testing {
namespace {

// in * matrix by TileFactor; the rows of `in` stand in_stride apart, with junk between and below.
RowMatrix multiply(const RowMatrix& in, const RowMatrix& matrix, Index extra_stride = 0) {
  const TileFactor factor(matrix);
  RowMatrix padded_in = RowMatrix::Constant(padded(in.rows()), in.cols() + extra_stride, 3);
  padded_in.topLeftCorner(in.rows(), in.cols()) = in;
  RowMatrix out = RowMatrix::Constant(padded(in.rows()), factor.stride(), -1);
  factor.multiply(padded_in.data(), padded_in.cols(), in.rows(), out.data());
  return out.topLeftCorner(in.rows(), matrix.cols());
}

// A chain of k multiply-adds is off by at most k roundings of the sum of absolute terms.
bool is_product(const RowMatrix& value, const RowMatrix& in, const RowMatrix& matrix) {
  const RowMatrix bound = in.cwiseAbs() * matrix.cwiseAbs();
  const double factor = 2 * static_cast<double>(matrix.rows() + 1) * std::numeric_limits<double>::epsilon();
  return ((value - in * matrix).array().abs() <= factor * bound.array()).all();
}

TEST_CASE("products are Eigen's to rounding") {
  Random random(20);
  for (const Index count : {1, 7, 8, 9, 24}) {
    for (const Index rows : {1, 2, 15, 73}) {
      for (const Index columns : {1, 5, 8, 9, 16, 17, 23, 24, 25, 47, 48, 73, 146}) {
        CAPTURE(count);
        CAPTURE(rows);
        CAPTURE(columns);
        const RowMatrix in = random.matrix(count, rows), matrix = random.matrix(rows, columns);
        CHECK(is_product(multiply(in, matrix), in, matrix));
        CHECK(same_bits(multiply(in, matrix, 5), multiply(in, matrix)));
      }
    }
  }
}

TEST_CASE("the layout of a factor") {
  Random random(21);
  const RowMatrix matrix = random.matrix(6, 11);
  const TileFactor factor(matrix);
  CHECK(factor.rows() == 6);
  CHECK(factor.stride() == 16);
  const Eigen::Map<const RowMatrix> data(factor.data(), 6, 16);
  CHECK(same_bits(data.leftCols(11), matrix));
  CHECK(data.rightCols(5).isZero(0));
}

TEST_CASE("a row's bits depend neither on the other rows nor on its place") {
  Random random(22);
  const RowMatrix matrix = random.matrix(73, 50), in = random.matrix(21, 73), together = multiply(in, matrix);
  for (Index i = 0; i < 21; ++i) {
    CHECK(same_bits(multiply(in.row(i), matrix), together.row(i)));
    RowMatrix elsewhere = RowMatrix::Constant(21, 73, std::nan(""));
    elsewhere.row((i + 5) % 21) = in.row(i);
    CHECK(same_bits(multiply(elsewhere, matrix).row((i + 5) % 21), together.row(i)));
  }
}

TEST_CASE("banded matrices") {
  Random random(23);
  for (const Index width : {0, 1, 3, 20}) {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{60, 60}, {73, 40}, {40, 73}}) {
      CAPTURE(width);
      RowMatrix matrix = random.matrix(rows, columns);
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < columns; ++j) {
          if (std::abs(i * columns - j * rows) >= width * rows) matrix(i, j) = 0;
        }
      }
      const RowMatrix in = random.matrix(16, rows);
      CHECK(is_product(multiply(in, matrix), in, matrix));
    }
  }
}

TEST_CASE("entries far below rounding may be left out, no others") {
  Random random(24);
  RowMatrix matrix = random.matrix(40, 40);
  for (Index i = 0; i < 40; ++i) {
    for (Index j = 0; j < 40; ++j) matrix(i, j) *= std::exp(-static_cast<double>((i - j) * (i - j)) / 4);
  }
  const RowMatrix in = random.matrix(8, 40);
  CHECK(distance(multiply(in, matrix), in * matrix) <= 1e-15);
}

TEST_CASE_TEMPLATE("add_rows adds multiples of rows, in place too", Real, double, float) {
  using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Random random(25);
  const Index line = padded<Real>(1);
  for (Index stride = line; stride <= 30 * line; stride += line) {
    for (const Index count : {0, 1, 2, 17}) {
      const Matrix rows = random.matrix(20, stride).template cast<Real>();
      const Matrix coefficients = random.matrix(1, 20).template cast<Real>();
      std::vector<Index> pick;
      for (Index k = 0; k < count; ++k) pick.push_back((7 * k + 3) % 20);
      Matrix base = random.matrix(1, stride).template cast<Real>(), in_place = base, expected = base, out(1, stride);
      for (Index k = 0; k < count; ++k) expected += coefficients(k) * rows.row(pick[static_cast<std::size_t>(k)]);
      const RowSum<Real> sums[] = {
          {base.data(), rows.data(), pick.data(), coefficients.data(), count, out.data()},
          {in_place.data(), rows.data(), pick.data(), coefficients.data(), count, in_place.data()}};
      add_rows(std::span<const RowSum<Real>>(sums), stride);
      CHECK((out - expected).cwiseAbs().maxCoeff() <= 50 * std::numeric_limits<Real>::epsilon());
      CHECK(in_place == out);
    }
  }
}

TEST_CASE("rows are padded to whole tiles") {
  CHECK(padded(0) == 0);
  for (Index n = 1; n < 30; ++n) {
    CHECK(padded(n) >= n);
    CHECK(padded(n) < n + kTile);
    CHECK(padded(n) % kTile == 0);
    CHECK(padded<float>(n) % (2 * kTile) == 0);
  }
}

}  // namespace
}  // namespace drtengine::testing
