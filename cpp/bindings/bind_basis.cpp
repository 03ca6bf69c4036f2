#include "bindings.hpp"
#include "drtengine/kernel.hpp"
#include "drtengine/penalty.hpp"
#include "drtengine/tile.hpp"

namespace drtengine::bindings {
namespace {

RowMatrix multiply_rows(const MatrixMap& rows, const MatrixMap& matrix) {
  if (rows.cols() != matrix.rows()) throw InvalidInput("shapes do not match");
  const TileFactor factor{RowMatrix(matrix)};
  RowMatrix result(rows.rows(), matrix.cols());
  RowMatrix in = RowMatrix::Zero(kTile, rows.cols()), out(kTile, factor.stride());
  for (Index begin = 0; begin < rows.rows(); begin += kTile) {
    const Index count = std::min(kTile, rows.rows() - begin);
    in.topRows(count) = rows.middleRows(begin, count);
    factor.multiply(in.data(), in.cols(), count, out.data());
    result.middleRows(begin, count) = out.topLeftCorner(count, matrix.cols());
  }
  return result;
}

Shape shape_of(int number) { return choice(number, Shape::kCauchy, "not a shape of basis functions"); }

}  // namespace

// Widths as in Python's basis.EPSILON_RANGE: what wider and narrower functions ask of the quadrature has no end.
Basis basis_of(int shape, double epsilon, const DoubleArray& log_tau) {
  constexpr double kLeastEpsilon = 0.05, kMostEpsilon = 1000;
  const Shape own = shape_of(shape);
  require(own == Shape::kPiecewiseLinear || (epsilon >= kLeastEpsilon && epsilon <= kMostEpsilon),
          "the shape factor epsilon is out of range");
  const VectorMap nodes = vector_of(log_tau);
  const Vector tau = nodes.array().exp();
  require(tau.allFinite() && (tau.array() > 0).all(), "tau must be finite and positive");
  return {own, epsilon, nodes};
}

VectorMap omega_of(const DoubleArray& omega) {
  const VectorMap view = vector_of(omega);
  require(view.size() > 0 && view.allFinite() && view.minCoeff() > 0, "frequencies must be finite and positive");
  return view;
}

void register_basis(py::module_& m) {
  using py::literals::operator""_a;
  m.def(
      "kernel",
      [](int shape, double epsilon, const DoubleArray& log_tau, const DoubleArray& omega) {
        Kernel k = kernel(basis_of(shape, epsilon, log_tau), omega_of(omega));
        return py::make_tuple(to_numpy(std::move(k.real)), to_numpy(std::move(k.imag)));
      },
      "shape"_a, "epsilon"_a, "log_tau"_a, "omega"_a);
  m.def(
      "penalty",
      [](int shape, double epsilon, const DoubleArray& log_tau, int order) {
        return to_numpy(penalty(basis_of(shape, epsilon, log_tau), order));
      },
      "shape"_a, "epsilon"_a, "log_tau"_a, "order"_a);
  m.def(
      "epsilon_from_fwhm",
      [](int shape, double coefficient, const DoubleArray& log_tau) {
        const Basis nodes(Shape::kPiecewiseLinear, 1, vector_of(log_tau));  // checks them
        return epsilon_from_fwhm(shape_of(shape), coefficient, nodes.nodes);
      },
      "shape"_a, "coefficient"_a, "log_tau"_a);
  m.def(
      "basis_values",
      [](int shape, double epsilon, const DoubleArray& log_tau, const DoubleArray& points) {
        return to_numpy(basis_values(basis_of(shape, epsilon, log_tau), vector_of(points)));
      },
      "shape"_a, "epsilon"_a, "log_tau"_a, "points"_a);
  m.def(
      "basis_integrals",
      [](int shape, double epsilon, const DoubleArray& log_tau, double lower, double upper) {
        return to_numpy(basis_integrals(basis_of(shape, epsilon, log_tau), lower, upper));
      },
      "shape"_a, "epsilon"_a, "log_tau"_a, "lower"_a, "upper"_a);
  m.def(
      "multiply_rows",
      [](const DoubleArray& rows, const DoubleArray& matrix) {
        return to_numpy(multiply_rows(matrix_of(rows), matrix_of(matrix)));
      },
      "rows"_a, "matrix"_a);
}

}  // namespace drtengine::bindings
