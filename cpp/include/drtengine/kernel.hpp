// What one basis function contributes to the impedance at one frequency.
//
// With u = eps (ln tau - ln tau_m) and t = ln tau - ln tau_m,
//   A_re = int phi(eps t) / (1 + (w tau_m)^2 e^{2t}) dt,
//   A_im = -int phi(eps t) w tau_m e^t / (1 + (w tau_m)^2 e^{2t}) dt.
// Both depend on w tau_m alone. Piecewise linear functions keep the sums of DRTtools,
// half the distance of the neighbouring nodes times the Debye function at tau_m.
//
// Wan, Saccoccio, Chen, Ciucci, Electrochim. Acta 184 (2015) 483, doi:10.1016/j.electacta.2015.09.097.
#pragma once

#include "drtengine/basis.hpp"

namespace drtengine {

struct Kernel {
  RowMatrix real, imag;  // [frequency, node]
};

// The integral of the inverse quadric and of the Cauchy function over all ln(tau) is infinite.
// As in DRTtools, these two are cut at this distance from their node.
inline constexpr double kSlowTailCut = 50;

// omega in rad/s, finite and positive.
Kernel kernel(const Basis& basis, ConstVectorView omega);

}  // namespace drtengine
