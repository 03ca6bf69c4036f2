#include "bindings.hpp"
#include "problem.hpp"

#include "drtengine/log_sampling.hpp"
#include "drtengine/ridge_sampling.hpp"

namespace drtengine::bindings {
namespace {

// The dict `Sampling` in _core.pyi.
SamplingOptions options_of(const py::dict& d, const SolveOptions& solve) {
  constexpr Index kMostDraws = 1'000'000;
  const SamplingOptions options{d["draws"].cast<Index>(), d["lower"].cast<double>(),       d["upper"].cast<double>(),
                                d["keep"].cast<bool>(),   d["seed"].cast<std::uint64_t>(), solve.n_threads,
                                solve.keep_going};
  require(options.n_draws >= 2 && options.n_draws <= kMostDraws, "the number of draws is out of range");
  require(options.lower >= 0 && options.lower <= 1 && options.upper >= 0 && options.upper <= 1,
          "quantiles are from 0 to 1");
  return options;
}

py::dict to_dict(Samples&& s) {
  py::dict out;
  out["low"] = to_numpy(std::move(s.low));
  out["high"] = to_numpy(std::move(s.high));
  out["mean"] = to_numpy(std::move(s.mean));
  out["deviation"] = to_numpy(std::move(s.deviation));
  out["curves"] = to_numpy(std::move(s.curves));
  out["numbers"] = to_numpy(std::move(s.numbers));
  out["ess_least"] = to_numpy(std::move(s.ess_least));
  out["ess_median"] = to_numpy(std::move(s.ess_median));
  out["r_hat"] = to_numpy(std::move(s.r_hat));
  out["acceptance"] = to_numpy(std::move(s.acceptance));
  out["divergences"] = py::array_t<std::int32_t>(static_cast<Index>(s.divergences.size()), s.divergences.data());
  out["status"] = status_to_numpy(s.status);
  return out;
}

py::dict draw_log(const py::dict& problem, const DoubleArray& functionals, const DoubleArray& prior,
                  const py::dict& sampling) {
  const Problem p(problem);
  const MatrixMap functionals_view = matrix_of(functionals);
  const VectorMap numbers = vector_of(prior);
  require(numbers.size() == 0 || numbers.size() == 6, "a prior has six numbers");
  LogPrior own;
  if (numbers.size() == 6) own = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]};
  const SamplingOptions options = options_of(sampling, p.options);
  return to_dict(
      without_gil([&] { return sample_log(p.design, p.spacing(), p.Z, p.weights, functionals_view, own, options); }));
}

py::dict draw_ridge(const py::dict& problem, const DoubleArray& lambda, const DoubleArray& coefficients,
                    const DoubleArray& free, const DoubleArray& outputs, Index n_nodes, const py::dict& sampling) {
  const Problem p(problem);
  const RidgeModes modes{matrix_of(coefficients), matrix_of(free), vector_of(lambda)};
  const MatrixMap outputs_view = matrix_of(outputs);
  require(n_nodes >= 1, "no nodes are asked for");
  const SamplingOptions options = options_of(sampling, p.options);
  return to_dict(without_gil([&] {
    return sample_ridge(p.design, p.Z, p.weights, p.options.own_weights, p.options.nonneg, modes, outputs_view, n_nodes,
                        options);
  }));
}

}  // namespace

void register_sampling(py::module_& m) {
  using py::literals::operator""_a;
  m.def("sample_log", &draw_log, "problem"_a, "functionals"_a, "prior"_a, "sampling"_a);
  m.def("sample_ridge", &draw_ridge, "problem"_a, "lambda_"_a, "coefficients"_a, "free"_a, "outputs"_a, "n_nodes"_a,
        "sampling"_a);
}

}  // namespace drtengine::bindings
