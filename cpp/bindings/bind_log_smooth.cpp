#include "bindings.hpp"
#include "problem.hpp"

#include "drtengine/log_smooth.hpp"

namespace drtengine::bindings {
namespace {

py::dict fit(const py::dict& problem, const py::list& weights) {
  const Problem p(problem);
  std::vector<DoubleArray> arrays;
  for (const auto& w : weights) arrays.push_back(w.cast<DoubleArray>());
  std::vector<MatrixMap> maps;
  for (const DoubleArray& array : arrays) maps.push_back(matrix_of(array));
  const std::vector<ConstMatrixView> views(maps.begin(), maps.end());
  LogSolutions s = without_gil(
      [&] { return fit_log(p.design, p.spacing(), p.Z, views, p.options.n_threads, p.options.keep_going); });
  py::dict out;
  out["log_gamma"] = to_numpy(std::move(s.log_gamma));
  out["free"] = to_numpy(std::move(s.free));
  out["precision"] = to_numpy(std::move(s.precision));
  out["lambda_"] = to_numpy(std::move(s.lambda));
  out["noise"] = to_numpy(std::move(s.noise));
  out["dof"] = to_numpy(std::move(s.dof));
  out["rss"] = to_numpy(std::move(s.rss));
  out["evidence"] = to_numpy(std::move(s.evidence));
  out["evidence_local"] = to_numpy(std::move(s.evidence_local));
  out["weighting"] = bytes_to_numpy(s.weighting);
  out["status"] = status_to_numpy(s.status);
  return out;
}

}  // namespace

void register_log_smooth(py::module_& m) {
  using py::literals::operator""_a;
  m.def("fit_log", &fit, "problem"_a, "weights"_a);
}

}  // namespace drtengine::bindings
