#include "drtengine/pages.hpp"

#if defined(__linux__)
#include <sys/mman.h>

#include <cstdint>
#endif

namespace drtengine {

RowMatrix large_matrix(Index rows, Index cols) {
  RowMatrix matrix(rows, cols);
#if defined(__linux__)
  constexpr std::uintptr_t kHugePage = std::uintptr_t{1} << 21;
  const auto begin = (reinterpret_cast<std::uintptr_t>(matrix.data()) + kHugePage - 1) / kHugePage * kHugePage;
  const auto end = reinterpret_cast<std::uintptr_t>(matrix.data() + matrix.size()) / kHugePage * kHugePage;
  // a hint: where it is not taken, nothing is lost
  if (end > begin) static_cast<void>(madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
#endif
  return matrix;
}

}  // namespace drtengine
