// The distribution of relaxation times of Havriliak-Negami elements.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

// gamma/R at points u = ln(tau/tau_0), per unit of u. Infinite where it is: at u = 0 if a = 1.
Vector element_density(const Vector& u, double a, double b);

// The shares of R between pairs u_low <= u_high, finite or not. What stands in one point, that of an
// RC element (a = b = 1) at u = 0, belongs to the interval that begins there.
Vector element_share(const Vector& u_low, const Vector& u_high, double a, double b);

}  // namespace drtengine
