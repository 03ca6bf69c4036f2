#include "bindings.hpp"

namespace drtengine::bindings {
namespace {

// The highest x86-64 level that this CPU and its operating system support.
const char* cpu_level() {
#if defined(__GNUC__) && defined(__x86_64__) && !defined(__APPLE__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return "v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "v3";
#endif
  return "baseline";
}

}  // namespace

PYBIND11_MODULE(DRTENGINE_MODULE, m, py::mod_gil_not_used()) {
  m.doc() = "The numerical core of drtengine, built for one instruction set.";
  m.attr("isa") = DRTENGINE_ISA_NAME;
  m.attr("cpu_level") = cpu_level();
  register_errors(m);
  register_basis(m);
  register_ridge(m);
  register_log_smooth(m);
  register_elements(m);
  register_kramers_kronig(m);
  register_joint(m);
  register_sampling(m);
}

}  // namespace drtengine::bindings
