// The distribution of relaxation times of Havriliak-Negami elements.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

// gamma/R at u = ln(tau/tau_0), per unit of u. Zero for u > 0 if a = 1; infinite where it is.
double element_density(double u, double a, double b);

// The share of R between u_low <= u_high, either of them infinite or not. What stands in one point,
// that of an RC element (a = b = 1) at u = 0, belongs to the interval that begins there.
double element_share(double u_low, double u_high, double a, double b);

}  // namespace drtengine
