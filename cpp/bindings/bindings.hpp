// The only header that includes pybind11.
//
// The array contract: every array that crosses is C-contiguous and aligned, of exactly the dtype
// named (float64 or complex128), and has the shape named in _core.pyi; the Python side sees to
// that and to every error message that a user reads. Here whatever would lead outside an array is
// refused once more, so that a slip on the Python side ends in an error. Arrays in are read where
// they lie; arrays out own their memory. The leading axis is the spectrum. Functions release the GIL; `keep_going`
// takes it back for a moment to look for Ctrl-C.
#pragma once

#include "drtengine/basis.hpp"
#include "drtengine/design.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/parallel.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <complex>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace drtengine::bindings {

namespace py = pybind11;

using DoubleArray = py::array_t<double, py::array::c_style>;
using ComplexArray = py::array_t<std::complex<double>, py::array::c_style>;
using MatrixMap = Eigen::Map<const RowMatrix>;
using VectorMap = Eigen::Map<const Vector>;

inline void require(bool holds, const char* otherwise) {
  if (!holds) throw InvalidInput(otherwise);
}

// What Python names by a number from 0 to `last`.
template <class Enum>
Enum choice(int number, Enum last, const char* otherwise) {
  require(number >= 0 && number <= static_cast<int>(last), otherwise);
  return static_cast<Enum>(number);
}

// An array that stands in a dict and is read where it lies: one that NumPy would have to convert would be gone
// before it is read.
template <class Array>
Array array_of(const py::dict& d, const char* key) {
  const py::object value = d[key];
  if (!py::isinstance<Array>(value)) throw py::type_error(std::string(key) + " must be contiguous and of its dtype");
  return py::reinterpret_borrow<Array>(value);
}

inline void check_layout(const py::array& array, py::ssize_t dimensions) {
  require(array.ndim() == dimensions,
          dimensions == 1 ? "expected an array of one dimension" : "expected an array of two dimensions");
  require((array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0, "arrays must be aligned in memory");
}

inline VectorMap vector_of(const DoubleArray& array) {
  check_layout(array, 1);
  return {array.data(), array.shape(0)};
}

inline MatrixMap matrix_of(const DoubleArray& array) {
  check_layout(array, 2);
  return {array.data(), array.shape(0), array.shape(1)};
}

// Complex numbers as pairs of columns, Re and Im.
inline MatrixMap pairs_of(const ComplexArray& array) {
  check_layout(array, 2);
  return {reinterpret_cast<const double*>(array.data()), array.shape(0), 2 * array.shape(1)};
}

// Hands memory over to NumPy without a copy.
template <class Matrix>
py::array_t<double> to_numpy(Matrix&& matrix) {
  using Plain = std::remove_cvref_t<Matrix>;
  auto owned = std::make_unique<Plain>(std::forward<Matrix>(matrix));
  Plain* data = owned.get();
  const py::capsule owner(owned.release(), [](void* p) { delete static_cast<Plain*>(p); });
  if constexpr (Plain::IsVectorAtCompileTime) {
    return py::array_t<double>(data->size(), data->data(), owner);
  } else {
    return py::array_t<double>({data->rows(), data->cols()}, data->data(), owner);
  }
}

inline py::array_t<std::int8_t> status_to_numpy(const std::vector<Status>& status) {
  return py::array_t<std::int8_t>(static_cast<Index>(status.size()),
                                  reinterpret_cast<const std::int8_t*>(status.data()));
}

template <class F>
auto without_gil(F&& f) {
  const py::gil_scoped_release released;
  return f();
}

// Turns a Python callable (done, total) -> None, or None, into the hook of parallel_for. Python
// errors, KeyboardInterrupt among them, pass through.
KeepGoing keep_going(const py::object& progress);

Basis basis_of(int shape, double epsilon, const DoubleArray& log_tau);
VectorMap omega_of(const DoubleArray& omega);  // some frequencies, finite and positive
inline Part part_of(int number) { return choice(number, Part::kImaginary, "part must be 0, 1 or 2"); }

void register_errors(py::module_& m);
void register_basis(py::module_& m);
void register_ridge(py::module_& m);
void register_log_smooth(py::module_& m);
void register_elements(py::module_& m);
void register_kramers_kronig(py::module_& m);
void register_joint(py::module_& m);
void register_sampling(py::module_& m);

}  // namespace drtengine::bindings
