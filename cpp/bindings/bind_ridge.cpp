#include "bindings.hpp"
#include "problem.hpp"

#include "drtengine/selection.hpp"

#include <algorithm>

namespace drtengine::bindings {
namespace {

using IntArray = py::array_t<int, py::array::c_style>;

py::tuple solve(const py::dict& problem, const DoubleArray& lambda, const DoubleArray& outputs) {
  const Problem p(problem);
  const VectorMap lambda_view = vector_of(lambda);
  const MatrixMap outputs_view = matrix_of(outputs);
  Solutions s =
      without_gil([&] { return solve_ridge(p.design, p.Z, p.weights, lambda_view, outputs_view, p.options); });
  return py::make_tuple(to_numpy(std::move(s.coefficients)), to_numpy(std::move(s.free)), to_numpy(std::move(s.values)),
                        to_numpy(std::move(s.error)), status_to_numpy(s.status));
}

VectorMap lattice_of(const DoubleArray& lattice) {
  const VectorMap view = vector_of(lattice);
  require(view.size() > 0 && view.allFinite() && view.minCoeff() > 0, "lambda must be finite and positive");
  return view;
}

// A criterion of selection.hpp by its number, with the folds [row] or the noise [spectrum] it needs.
Selector selector_of(int criterion, const DoubleArray& noise, const IntArray& fold) {
  const std::vector<int> folds(fold.data(), fold.data() + fold.size());
  const auto n_rows = static_cast<int>(folds.size());
  require(std::ranges::all_of(folds, [&](int k) { return k >= 0 && k < n_rows; }), "folds count from 0");
  return {choice(criterion, Criterion::kDiscrepancy, "not a criterion"), folds, vector_of(noise)};
}

py::tuple select(const py::dict& problem, int criterion, const DoubleArray& lattice, bool refine,
                 const DoubleArray& noise, const IntArray& fold) {
  const Problem p(problem);
  const VectorMap lattice_view = lattice_of(lattice);
  const Selector selector = selector_of(criterion, noise, fold);
  Selection s =
      without_gil([&] { return select_lambda(p.design, p.Z, p.weights, lattice_view, selector, refine, p.options); });
  return py::make_tuple(to_numpy(std::move(s.lambda)), status_to_numpy(s.status));
}

py::array_t<double> scores(const py::dict& problem, int criterion, const DoubleArray& lattice, const DoubleArray& noise,
                           const IntArray& fold) {
  const Problem p(problem);
  const VectorMap lattice_view = lattice_of(lattice);
  const Selector selector = selector_of(criterion, noise, fold);
  return to_numpy(
      without_gil([&] { return lambda_scores(p.design, p.Z, p.weights, lattice_view, selector, p.options); }));
}

}  // namespace

void register_ridge(py::module_& m) {
  using py::literals::operator""_a;
  m.def("solve_ridge", &solve, "problem"_a, "lambda_"_a, "outputs"_a);
  const auto noise = "noise"_a = DoubleArray(0);
  const auto fold = "fold"_a = IntArray(0);
  m.def("select_lambda", &select, "problem"_a, "criterion"_a, "lattice"_a, "refine"_a, noise, fold);
  m.def("lambda_scores", &scores, "problem"_a, "criterion"_a, "lattice"_a, noise, fold);
}

}  // namespace drtengine::bindings
