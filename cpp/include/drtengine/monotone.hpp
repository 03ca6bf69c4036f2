// The solver of last resort: slow, but it cannot go round in circles.
#pragma once

#include "drtengine/types.hpp"

#include <functional>

namespace drtengine {

// min x'Hx/2 - g'x subject to x_i >= 0 for the first n_constrained unknowns, for one problem: by a primal
// active set that lowers the objective in every step, where pivoting (qp.hpp) fails.
// gradient(x) = g - Hx, which may be computed more accurately than from H. x is a start (negative
// entries are set to zero) and becomes the solution. Returns whether it converged.
bool solve_monotone(const RowMatrix& H, Index n_constrained, const std::function<Vector(const Vector&)>& gradient,
                    Vector& x);

}  // namespace drtengine
