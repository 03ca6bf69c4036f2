// The problem on one frequency grid. It comes as a dict with the keys read here (`Problem` in
// _core.pyi) and borrows the dict's arrays.
#pragma once

#include "bindings.hpp"

#include "drtengine/ridge.hpp"

namespace drtengine::bindings {

struct Problem {
  Basis basis;
  Design design;
  MatrixMap Z, weights;
  SolveOptions options;

  explicit Problem(const py::dict& d)
      : basis(basis_of(d["shape"].cast<int>(), d["epsilon"].cast<double>(), array_of<DoubleArray>(d, "log_tau"))),
        design(assemble(basis, omega_of(array_of<DoubleArray>(d, "omega")),
                        {d["order"].cast<int>(), d["inductance"].cast<bool>(), d["capacitance"].cast<bool>(),
                         part_of(d["part"].cast<int>())})),
        Z(pairs_of(array_of<ComplexArray>(d, "Z"))),
        weights(matrix_of(array_of<DoubleArray>(d, "weights"))),
        options{d["nonneg"].cast<bool>(), d.contains("own_weights") && d["own_weights"].cast<bool>(),
                d["n_threads"].cast<int>(), keep_going(d["progress"])} {
    require(Z.cols() == design.rows(), "Z must have one number a frequency");
  }

  // Of the nodes, which must be evenly spaced.
  double spacing() const {
    require(basis.size() >= 8, "a distribution that is smooth in ln gamma needs at least 8 nodes");
    return (basis.nodes[basis.size() - 1] - basis.nodes[0]) / static_cast<double>(basis.size() - 1);
  }
};

inline py::array_t<std::int8_t> bytes_to_numpy(const std::vector<std::int8_t>& values) {
  return py::array_t<std::int8_t>(static_cast<Index>(values.size()), values.data());
}

}  // namespace drtengine::bindings
