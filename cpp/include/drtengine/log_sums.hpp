// Standard deviations of sums of gamma = exp(u) over its nodes, u smooth as in log_lanes.hpp.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

// By Gauss and Newton about any gamma > 0. `kernel` [row, node and free unknown]; `scale` [row] makes its rows those of
// data with unit noise; `sums` [sum, node]; `precision` [sum] of the second differences, one for each sum, so that
// some may reckon with a gamma that is less smooth than others do. The nodes are h apart.
Vector sum_deviations(ConstMatrixView kernel, const Vector& scale, const Vector& gamma, ConstMatrixView sums,
                      const Vector& precision, double h);

}  // namespace drtengine
