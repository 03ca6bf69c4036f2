#include "bindings.hpp"
#include "drtengine/kramers_kronig.hpp"

namespace drtengine::bindings {
namespace {

// What comes as a dict with the keys read here (`KkProblem` in _core.pyi); it borrows the dict's arrays.
struct KkProblem {
  KkModel model;
  KkBatch batch;

  explicit KkProblem(const py::dict& d)
      : model{omega_of(array_of<DoubleArray>(d, "omega")),
              Vector(),
              d["admittance"].cast<bool>(),
              d["inductance"].cast<bool>(),
              d["capacitance"].cast<bool>(),
              part_of(d["part"].cast<int>())},
        batch{pairs_of(array_of<ComplexArray>(d, "X")), matrix_of(array_of<DoubleArray>(d, "weights")),
              matrix_of(array_of<DoubleArray>(d, "time")), d["n_threads"].cast<int>(), keep_going(d["progress"])} {
    const Index n_points = model.omega.size(), n_spectra = batch.X.rows();
    require(batch.X.cols() == 2 * n_points, "X must have one number a frequency");
    require(batch.weights.size() == 0 || (batch.weights.rows() == n_spectra && batch.weights.cols() == n_points),
            "weights must have the shape of X");
    require(batch.time.size() == 0 ||
                ((batch.time.rows() == 1 || batch.time.rows() == n_spectra) && batch.time.cols() == n_points),
            "time must have one row, or the shape of X");
  }
};

py::tuple fit_causal(const py::dict& problem, const DoubleArray& tau, Index n_cosines, bool leverage) {
  KkProblem p(problem);
  p.model.tau = vector_of(tau);
  require(n_cosines == 0 || p.batch.time.size() > 0, "remainders are tested along the time");
  require(n_cosines >= 0 && n_cosines <= 2 * p.model.omega.size(), "more cosines than data");
  KkFits f = without_gil([&] { return fit_lin_kk(p.model, p.batch, n_cosines, leverage); });
  return py::make_tuple(to_numpy(std::move(f.elements)), to_numpy(std::move(f.residual)), to_numpy(std::move(f.rest)),
                        to_numpy(std::move(f.scores)), to_numpy(std::move(f.rest_squares)),
                        to_numpy(std::move(f.drift_scale)), to_numpy(std::move(f.leverage)), status_to_numpy(f.status));
}

py::tuple scan_causal(const py::dict& problem, double lowest_tau, double highest_tau, Index most, double stop_at,
                      bool keep_all) {
  const KkProblem p(problem);
  require(most >= 1 && most <= 2 * p.model.omega.size(), "more relaxations than data, or none");
  KkScan s =
      without_gil([&] { return scan_lin_kk(p.model, lowest_tau, highest_tau, most, stop_at, keep_all, p.batch); });
  return py::make_tuple(to_numpy(std::move(s.mu)), to_numpy(std::move(s.chi2)), to_numpy(std::move(s.elements)),
                        to_numpy(std::move(s.residual)), status_to_numpy(s.status));
}

}  // namespace

void register_kramers_kronig(py::module_& m) {
  using py::literals::operator""_a;
  m.def("fit_lin_kk", &fit_causal, "problem"_a, "tau"_a, "n_cosines"_a, "leverage"_a);
  m.def("scan_lin_kk", &scan_causal, "problem"_a, "lowest_tau"_a, "highest_tau"_a, "most"_a, "stop_at"_a, "keep_all"_a);
}

}  // namespace drtengine::bindings
