#include "bindings.hpp"
#include "drtengine/elements.hpp"

#include <algorithm>

namespace drtengine::bindings {
namespace {

// Comes as a dict with the keys read here (`ElementsProblem` in _core.pyi) and borrows its arrays.
ElementsProblem problem_of(const py::dict& d) {
  return {omega_of(array_of<DoubleArray>(d, "omega")),
          pairs_of(array_of<ComplexArray>(d, "Z")),
          matrix_of(array_of<DoubleArray>(d, "weights")),
          d["inductance"].cast<bool>(),
          d["capacitance"].cast<bool>(),
          d["n_threads"].cast<int>(),
          keep_going(d["progress"])};
}

template <class Small, class T>
py::array_t<Small> to_small(const std::vector<T>& values) {
  py::array_t<Small> array(static_cast<Index>(values.size()));
  std::ranges::transform(values, array.mutable_data(), [](T value) { return static_cast<Small>(value); });
  return array;
}

py::tuple find_sums(const py::dict& problem, const DoubleArray& log_tau, const DoubleArray& gamma,
                    const DoubleArray& R_inf, const DoubleArray& evidence) {
  const ElementsProblem p = problem_of(problem);
  const SmoothEstimates smooth{vector_of(log_tau), matrix_of(gamma), vector_of(R_inf), vector_of(evidence)};
  Elements e = without_gil([&] { return find_elements(p, smooth); });
  return py::make_tuple(to_numpy(std::move(e.parameters)), to_numpy(std::move(e.covariance)),
                        to_small<std::int8_t>(e.kind), to_small<std::int8_t>(e.count), to_numpy(std::move(e.score)),
                        to_numpy(std::move(e.rss)), to_numpy(std::move(e.sigma2)), to_small<std::int8_t>(e.status));
}

py::tuple profile_sum(const py::dict& problem, const DoubleArray& parameters, const DoubleArray& covariance,
                      const py::array_t<std::int8_t, py::array::c_style>& kind, const DoubleArray& rss,
                      const DoubleArray& sigma2, const DoubleArray& rise) {
  const ElementsProblem p = problem_of(problem);
  const FittedElements fits{matrix_of(parameters),
                            matrix_of(covariance),
                            {reinterpret_cast<const Kind*>(kind.data()), static_cast<std::size_t>(kind.size())},
                            vector_of(rss),
                            vector_of(sigma2)};
  const VectorMap rise_view = vector_of(rise);
  const Index n = p.Z.rows();
  const auto kinds = static_cast<std::size_t>(n * kMaxElements);
  require(fits.parameters.rows() == n && fits.parameters.cols() == kMaxParameters && fits.covariance.rows() == n &&
              fits.covariance.cols() == kMaxParameters * kMaxParameters && fits.kind.size() == kinds &&
              fits.rss.size() == n && fits.sigma2.size() == n && rise_view.size() == n,
          "parameters, covariance, kind, rss, sigma2 and rise must belong to the spectra");
  require(std::ranges::all_of(fits.kind, [](Kind k) { return k >= Kind::kZarc && k <= Kind::kHavriliakNegami; }),
          "not a kind of element");
  Profiles profiles = without_gil([&] { return profile_elements(p, fits, rise_view); });
  return py::make_tuple(to_numpy(std::move(profiles.low)), to_numpy(std::move(profiles.high)));
}

py::tuple to_tuple(Curve&& curve) {
  return py::make_tuple(to_numpy(std::move(curve.value)), to_numpy(std::move(curve.uncertainty)));
}

}  // namespace

void register_elements(py::module_& m) {
  using py::literals::operator""_a;
  m.def("find_elements", &find_sums, "problem"_a, "log_tau"_a, "gamma"_a, "R_inf"_a, "evidence"_a);
  m.def("profile_elements", &profile_sum, "problem"_a, "parameters"_a, "covariance"_a, "kind"_a, "rss"_a, "sigma2"_a,
        "rise"_a);
  m.def(
      "element_gamma",
      [](const DoubleArray& parameters, const DoubleArray& covariance, const DoubleArray& log_tau) {
        const MatrixMap p = matrix_of(parameters), c = matrix_of(covariance);
        const VectorMap u = vector_of(log_tau);
        return to_tuple(without_gil([&] { return element_gamma(p, c, u); }));
      },
      "parameters"_a, "covariance"_a, "log_tau"_a);
  m.def(
      "element_integrals",
      [](const DoubleArray& parameters, const DoubleArray& covariance, const DoubleArray& log_low,
         const DoubleArray& log_high) {
        const MatrixMap p = matrix_of(parameters), c = matrix_of(covariance);
        const VectorMap low = vector_of(log_low), high = vector_of(log_high);
        return to_tuple(without_gil([&] { return element_integrals(p, c, low, high); }));
      },
      "parameters"_a, "covariance"_a, "log_low"_a, "log_high"_a);
}

}  // namespace drtengine::bindings
