// Products with eight spectra at a time.
//
// A tile holds eight rows, one per spectrum; a batch that is not a multiple of eight is padded.
// Every entry of a product is one chain of fused multiply-adds in the order of the inner index,
// whatever the blocking and whatever stands in the other rows. So a spectrum's bits depend
// neither on its neighbours nor on how a batch was cut.
#pragma once

#include "drtengine/types.hpp"
#include "drtengine/vec.hpp"

#include <span>
#include <vector>

namespace drtengine {

inline constexpr Index kTile = 8;  // spectra in a tile, and doubles a row is padded to a multiple of

// n rounded up to whole cache lines: for doubles, to whole tiles.
template <class Real = double>
constexpr Index padded(Index n) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(Real));
  return (n + line - 1) / line * line;
}

// A matrix laid out for tile products: columns padded with zeros, and for each block of columns
// the range of rows outside of which it is zero (basis functions and penalties are banded).
class TileFactor {
 public:
  TileFactor() = default;
  explicit TileFactor(const RowMatrix& matrix);

  Index rows() const { return matrix_.rows(); }
  Index stride() const { return matrix_.cols(); }
  const double* data() const { return matrix_.data(); }

  // out[count, stride()] = in[count, rows()] * matrix, in with rows in_stride apart. Both hold
  // whole tiles: padded(count) rows.
  void multiply(const double* in, Index in_stride, Index count, double* out) const;

 private:
  void multiply_tile(const double* in, Index in_stride, double* out) const;

  struct Range {
    Index begin, end;
  };
  RowMatrix matrix_;
  std::vector<Range> nonzero_;  // per block of columns
};

// out[n] = base[n] + sum_k coefficient[k] * row(pick[k])[n]
template <class Real>
struct RowSum {
  const Real *base, *rows;
  const Index* pick;
  const Real* coefficient;
  Index count;
  Real* out;
};

// Rows lie `stride` apart and are padded. Sums of the same rows share what has been fetched of them.
template <class Real>
void add_rows(std::span<const RowSum<Real>> sums, Index stride);

}  // namespace drtengine
