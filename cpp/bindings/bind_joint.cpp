#include "bindings.hpp"
#include "problem.hpp"

#include "drtengine/joint.hpp"
#include "drtengine/log_lanes.hpp"

#include <deque>

namespace drtengine::bindings {
namespace {

using PlaceArray = py::array_t<std::int64_t, py::array::c_style>;

// Each problem holds the spectra of one frequency grid; places[k] says where they stand in the series.
py::dict fit_series(const py::list& problems, const py::list& places, const DoubleArray& closeness,
                    const py::dict& start) {
  require(problems.size() > 0 && problems.size() == places.size(), "every problem needs places");
  std::deque<Problem> grids;
  Index n_spectra = 0;
  for (const auto& problem : problems) n_spectra += grids.emplace_back(problem.cast<py::dict>()).Z.rows();
  std::vector<SeriesSpectrum> series(static_cast<std::size_t>(n_spectra));
  for (std::size_t k = 0; k < problems.size(); ++k) {
    const Problem& grid = grids[k];
    const auto place = places[k].cast<PlaceArray>();
    require(place.ndim() == 1 && place.size() == grid.Z.rows(), "every spectrum needs a place");
    const RowWeights weights(grid.weights, false, grid.design, grid.Z.rows());
    for (Index i = 0; i < grid.Z.rows(); ++i) {
      const std::int64_t wanted = place.at(i);
      const auto at = static_cast<std::size_t>(wanted);
      require(wanted >= 0 && at < series.size() && series[at].design == nullptr, "places must count the series");
      Vector w2(grid.design.rows());
      weights.squared(i, w2.data());
      normalize_weights(w2);
      series[at] = {&grid.design, grid.Z.row(i).transpose(), std::move(w2)};
    }
  }
  const auto log_gamma = array_of<DoubleArray>(start, "log_gamma"), lambda = array_of<DoubleArray>(start, "lambda_"),
             noise = array_of<DoubleArray>(start, "noise");
  const SeriesStart from{matrix_of(log_gamma), vector_of(lambda), vector_of(noise)};
  const VectorMap closeness_view = vector_of(closeness);
  const SolveOptions& options = grids.front().options;
  JointSolutions s = without_gil([&] {
    return fit_joint(series, grids.front().spacing(), closeness_view, from, options.n_threads, options.keep_going);
  });
  py::dict out;
  out["log_gamma"] = to_numpy(std::move(s.log_gamma));
  out["u_log_gamma"] = to_numpy(std::move(s.u_log_gamma));
  out["free"] = to_numpy(std::move(s.free));
  out["lambda_"] = to_numpy(std::move(s.lambda));
  out["noise"] = to_numpy(std::move(s.noise));
  out["tie"] = to_numpy(std::move(s.tie));
  out["eta"] = s.eta;
  out["steps"] = s.steps;
  out["status"] = status_to_numpy(s.status);
  return out;
}

}  // namespace

void register_joint(py::module_& m) {
  using py::literals::operator""_a;
  m.def("fit_joint", &fit_series, "problems"_a, "places"_a, "closeness"_a, "start"_a);
}

}  // namespace drtengine::bindings
