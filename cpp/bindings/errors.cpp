// The one table of what the core throws and what Python sees.
#include "drtengine/errors.hpp"

#include "bindings.hpp"

namespace drtengine::bindings {

void register_errors(py::module_&) {
  // NOLINTNEXTLINE(performance-unnecessary-value-param): pybind11 wants this signature
  py::register_local_exception_translator([](std::exception_ptr error) {
    const auto raise = [](const char* name, const std::exception& e) {
      py::set_error(py::module_::import("drtengine.errors").attr(name), e.what());
    };
    try {
      std::rethrow_exception(error);
    } catch (const InvalidInput& e) {
      raise("InvalidInput", e);
    } catch (const NotPositiveDefinite& e) {
      raise("InvalidInput", e);
    } catch (const py::cast_error& e) {  // of something in a dict
      py::set_error(PyExc_TypeError, e.what());
    }
  });
}

KeepGoing keep_going(const py::object& progress) {
  // the object stays alive in the caller's frame while the core runs
  return [callback = py::handle(progress)](Index done, Index total) {
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!callback.is_none()) callback(done, total);
    return true;
  };
}

}  // namespace drtengine::bindings
