#include "bindings.hpp"
#include "drtengine/ridge.hpp"
#include "drtengine/selection.hpp"

namespace drtengine::bindings {
namespace {

using IntArray = py::array_t<int, py::array::c_style>;

// The problem on one frequency grid. It comes as a dict with the keys read here (`Problem` in
// _core.pyi) and borrows the dict's arrays.
struct Problem {
  Design design;
  MatrixMap Z, weights;
  SolveOptions options;

  explicit Problem(const py::dict& d)
      : design(assemble(basis_of(d["shape"].cast<int>(), d["epsilon"].cast<double>(), d["log_tau"].cast<DoubleArray>()),
                        vector_of(d["omega"].cast<DoubleArray>()),
                        {d["order"].cast<int>(), d["inductance"].cast<bool>(), d["capacitance"].cast<bool>(),
                         static_cast<Part>(d["part"].cast<int>())})),
        Z(pairs_of(d["Z"].cast<ComplexArray>())),
        weights(matrix_of(d["weights"].cast<DoubleArray>())),
        options{d["nonneg"].cast<bool>(), d.contains("own_weights") && d["own_weights"].cast<bool>(),
                d["n_threads"].cast<int>(), keep_going(d["progress"])} {}
};

py::array_t<std::int8_t> status_to_numpy(const std::vector<Status>& status) {
  return py::array_t<std::int8_t>(static_cast<Index>(status.size()),
                                  reinterpret_cast<const std::int8_t*>(status.data()));
}

template <class F>
auto without_gil(F&& f) {
  const py::gil_scoped_release released;
  return f();
}

py::tuple solve(const py::dict& problem, const DoubleArray& lambda, const DoubleArray& outputs) {
  const Problem p(problem);
  const VectorMap lambda_view = vector_of(lambda);
  const MatrixMap outputs_view = matrix_of(outputs);
  Solutions s =
      without_gil([&] { return solve_ridge(p.design, p.Z, p.weights, lambda_view, outputs_view, p.options); });
  return py::make_tuple(to_numpy(std::move(s.coefficients)), to_numpy(std::move(s.free)), to_numpy(std::move(s.values)),
                        to_numpy(std::move(s.error)), status_to_numpy(s.status));
}

// A criterion of selection.hpp by its number, with the folds [row] or the noise [spectrum] it needs.
Selector selector_of(int criterion, const DoubleArray& noise, const IntArray& fold) {
  return {static_cast<Criterion>(criterion), std::vector<int>(fold.data(), fold.data() + fold.size()),
          vector_of(noise)};
}

py::tuple select(const py::dict& problem, int criterion, const DoubleArray& lattice, bool refine,
                 const DoubleArray& noise, const IntArray& fold) {
  const Problem p(problem);
  const VectorMap lattice_view = vector_of(lattice);
  const Selector selector = selector_of(criterion, noise, fold);
  Selection s =
      without_gil([&] { return select_lambda(p.design, p.Z, p.weights, lattice_view, selector, refine, p.options); });
  return py::make_tuple(to_numpy(std::move(s.lambda)), status_to_numpy(s.status));
}

py::array_t<double> scores(const py::dict& problem, int criterion, const DoubleArray& lattice, const DoubleArray& noise,
                           const IntArray& fold) {
  const Problem p(problem);
  const VectorMap lattice_view = vector_of(lattice);
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
