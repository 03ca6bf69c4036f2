#include "drtengine/pages.hpp"

#if defined(__linux__)
#include <sys/mman.h>

#include <memory>
#endif

namespace drtengine {

RowMatrix large_matrix(Index rows, Index cols) {
  RowMatrix matrix(rows, cols);
#if defined(__linux__)
  constexpr std::size_t kHugePage = std::size_t{1} << 21;
  void* begin = matrix.data();
  std::size_t bytes = static_cast<std::size_t>(matrix.size()) * sizeof(double);
  if (std::align(kHugePage, kHugePage, begin, bytes) != nullptr) {
    // a hint: where it is not taken, nothing is lost
    static_cast<void>(madvise(begin, bytes / kHugePage * kHugePage, MADV_HUGEPAGE));
  }
#endif
  return matrix;
}

}  // namespace drtengine
