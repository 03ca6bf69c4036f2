#include "bindings.hpp"
#include "problem.hpp"

#include "drtengine/log_band.hpp"
#include "drtengine/log_smooth.hpp"
#include "drtengine/log_sums.hpp"

namespace drtengine::bindings {
namespace {

py::dict fit_smooth(const py::dict& problem, const py::list& weights) {
  const Problem p(problem);
  std::vector<DoubleArray> arrays;
  arrays.reserve(weights.size());
  for (const auto& w : weights) arrays.push_back(w.cast<DoubleArray>());
  std::vector<MatrixMap> maps;
  maps.reserve(weights.size());
  for (const DoubleArray& array : arrays) maps.push_back(matrix_of(array));
  const std::vector<ConstMatrixView> views(maps.begin(), maps.end());
  LogSolutions s = without_gil(
      [&] { return fit_log(p.design, p.spacing(), p.Z, views, p.options.n_threads, p.options.keep_going); });
  py::dict out;
  out["log_gamma"] = to_numpy(std::move(s.log_gamma));
  out["free"] = to_numpy(std::move(s.free));
  out["precision"] = to_numpy(std::move(s.precision));
  out["relief"] = to_numpy(std::move(s.relief));
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

py::dict smooth_bands(const py::dict& problem, const DoubleArray& relief, const DoubleArray& functionals, int kind,
                      double level, bool noise_model, std::uint64_t seed) {
  const Problem p(problem);
  const MatrixMap relief_view = matrix_of(relief), functionals_view = matrix_of(functionals);
  const BandOptions options{choice(kind, BandKind::kSimultaneous, "not a kind of band"), level, noise_model, seed};
  Bands b = without_gil([&] {
    return find_bands(p.design, p.spacing(), p.Z, p.weights, relief_view, functionals_view, options,
                      p.options.n_threads, p.options.keep_going);
  });
  py::dict out;
  out["centre"] = to_numpy(std::move(b.centre));
  out["deviation"] = to_numpy(std::move(b.deviation));
  out["integral"] = to_numpy(std::move(b.integral));
  out["u_integral"] = to_numpy(std::move(b.u_integral));
  out["u_R_inf"] = to_numpy(std::move(b.u_R_inf));
  out["exponent"] = to_numpy(std::move(b.exponent));
  out["factor"] = to_numpy(std::move(b.factor));
  out["status"] = status_to_numpy(b.status);
  return out;
}

py::array_t<double> deviations_of_sums(const DoubleArray& kernel, const DoubleArray& scale, const DoubleArray& gamma,
                                       const DoubleArray& sums, const DoubleArray& precision, double h) {
  const MatrixMap kernel_view = matrix_of(kernel), sums_view = matrix_of(sums);
  const VectorMap scale_view = vector_of(scale), gamma_view = vector_of(gamma), precision_view = vector_of(precision);
  return to_numpy(
      without_gil([&] { return sum_deviations(kernel_view, scale_view, gamma_view, sums_view, precision_view, h); }));
}

}  // namespace

void register_log_smooth(py::module_& m) {
  using py::literals::operator""_a;
  m.def("fit_log", &fit_smooth, "problem"_a, "weights"_a);
  m.def("find_bands", &smooth_bands, "problem"_a, "relief"_a, "functionals"_a, "kind"_a, "level"_a, "noise_model"_a,
        "seed"_a);
  m.def("sum_deviations", &deviations_of_sums, "kernel"_a, "scale"_a, "gamma"_a, "sums"_a, "precision"_a, "h"_a);
}

}  // namespace drtengine::bindings
