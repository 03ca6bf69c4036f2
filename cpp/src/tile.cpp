#include "drtengine/tile.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace drtengine {
namespace {

// Columns in a block: as many accumulators as the registers hold.
#if defined(__AVX512F__)
constexpr int kBlockVecs = 3, kBlockRows = 8;
#elif defined(__AVX__)
constexpr int kBlockVecs = 3, kBlockRows = 4;
#else
constexpr int kBlockVecs = 3, kBlockRows = 4;
#endif
constexpr Index kBlockColumns = kBlockVecs * kVecWidth;
constexpr double kNegligible = 1e-18;  // of the largest entry: far below rounding

template <int Vecs>
void multiply_block(const double* in, Index in_stride, const double* matrix, Index stride, Index begin, Index end,
                    double* out) {
  for (Index row = 0; row < kTile; row += kBlockRows) {
    Vec sum[kBlockRows][Vecs] = {};
    for (Index k = begin; k < end; ++k) {
      Vec m[Vecs];
      for (int v = 0; v < Vecs; ++v) m[v] = load(matrix + k * stride + v * kVecWidth);
      for (int r = 0; r < kBlockRows; ++r) {
        const Vec x = broadcast(in[(row + r) * in_stride + k]);
        for (int v = 0; v < Vecs; ++v) sum[r][v] += x * m[v];
      }
    }
    for (int r = 0; r < kBlockRows; ++r) {
      for (int v = 0; v < Vecs; ++v) store(out + (row + r) * stride + v * kVecWidth, sum[r][v]);
    }
  }
}

template <class Real, int Vecs>
void add_rows_block(const RowSum<Real>& own, Index stride, Index column) {
  VecOf<Real> sum[Vecs];
  for (int v = 0; v < Vecs; ++v) sum[v] = load(own.base + column + v * kLanes<Real>);
  const Real* rows = own.rows + column;
  for (Index k = 0; k < own.count; ++k) {
    const VecOf<Real> c = broadcast(own.coefficient[k]);
    const Real* row = rows + own.pick[k] * stride;
    for (int v = 0; v < Vecs; ++v) sum[v] += c * load(row + v * kLanes<Real>);
  }
  for (int v = 0; v < Vecs; ++v) store(own.out + column + v * kLanes<Real>, sum[v]);
}

// add_rows_block for 1 to 12 vectors, chosen at run time.
constexpr Index kMaxVecs = 12;
template <class Real>
using AddRows = void (*)(const RowSum<Real>&, Index, Index);
template <class Real, int... I>
constexpr std::array<AddRows<Real>, sizeof...(I)> add_rows_table(std::integer_sequence<int, I...>) {
  return {add_rows_block<Real, I + 1>...};
}
template <class Real>
constexpr auto kAddRows = add_rows_table<Real>(std::make_integer_sequence<int, kMaxVecs>());

}  // namespace

TileFactor::TileFactor(const RowMatrix& matrix) : matrix_(RowMatrix::Zero(matrix.rows(), padded(matrix.cols()))) {
  if (matrix.size() == 0) return;
  matrix_.leftCols(matrix.cols()) = matrix;
  const double threshold = kNegligible * matrix.cwiseAbs().maxCoeff();
  for (Index column = 0; column < stride(); column += kBlockColumns) {
    const auto block = matrix_.middleCols(column, std::min(kBlockColumns, stride() - column));
    const auto matters = [&](Index row) { return block.row(row).cwiseAbs().maxCoeff() > threshold; };
    Range range{0, rows()};
    while (range.begin < range.end && !matters(range.begin)) ++range.begin;
    while (range.begin < range.end && !matters(range.end - 1)) --range.end;
    nonzero_.push_back(range);
  }
}

void TileFactor::multiply(const double* in, Index in_stride, Index count, double* out) const {
  for (Index row = 0; row < count; row += kTile) multiply_tile(in + row * in_stride, in_stride, out + row * stride());
}

void TileFactor::multiply_tile(const double* in, Index in_stride, double* out) const {
  for (std::size_t i = 0; i < nonzero_.size(); ++i) {
    const Index column = static_cast<Index>(i) * kBlockColumns;
    const auto [begin, end] = nonzero_[i];
    const double* block = matrix_.data() + column;
    const auto multiply = [&]<int Vecs>() {
      multiply_block<Vecs>(in, in_stride, block, stride(), begin, end, out + column);
    };
    switch (std::min(kBlockColumns, stride() - column) / kVecWidth) {
      case 1:
        multiply.template operator()<1>();
        break;
      case 2:
        multiply.template operator()<2>();
        break;
      default:
        multiply.template operator()<kBlockVecs>();
    }
  }
}

template <class Real>
void add_rows(std::span<const RowSum<Real>> sums, Index stride) {
  constexpr Index width = kLanes<Real>;
  const Index total = stride / width, blocks = (total + kMaxVecs - 1) / kMaxVecs;
  for (Index block = 0, done = 0; block < blocks; ++block) {  // of nearly equal length
    const Index vecs = (total - done) / (blocks - block);
    const auto add = kAddRows<Real>[static_cast<std::size_t>(vecs - 1)];
    for (const RowSum<Real>& sum : sums) add(sum, stride, done * width);
    done += vecs;
  }
}

template void add_rows(std::span<const RowSum<double>>, Index);
template void add_rows(std::span<const RowSum<float>>, Index);

}  // namespace drtengine
