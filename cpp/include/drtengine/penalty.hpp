// What a rough gamma costs: M_nm = int phi_n^(k) phi_m^(k) d ln(tau), so that x'Mx is the
// integral of the squared k-th derivative of gamma. k is 0, 1 or 2.
//
// DRTtools and its relatives leave the factor 1/3 of C4 and 1/15 of C6 out of their matrices;
// here lambda means the same for every basis.
#pragma once

#include "drtengine/basis.hpp"

namespace drtengine {

// Throws InvalidInput for order 2 with the C0 and the Cauchy function, whose second derivative
// is not square integrable. For piecewise linear functions order 2 is the sum over inner nodes of
// the squared second difference times the width of the node's cell.
RowMatrix penalty(const Basis& basis, int order);

}  // namespace drtengine
