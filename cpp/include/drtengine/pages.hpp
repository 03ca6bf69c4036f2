// Memory for results as large as the data.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

// A matrix that is not initialised. A large one lies on huge pages where the system has them: to be
// given 4 kB at a time costs as much as a microsecond a spectrum.
RowMatrix large_matrix(Index rows, Index cols);

}  // namespace drtengine
