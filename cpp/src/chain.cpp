#include "drtengine/chain.hpp"

#include "drtengine/tile.hpp"
#include "drtengine/vec.hpp"

#include <algorithm>
#include <array>

namespace drtengine {
namespace {

// All ones but for the diagonal.
constexpr auto kAllButDiagonal = [] {
  std::array<double, kTile * kTile> ones{};
  for (Index i = 0; i < kTile * kTile; ++i) ones[static_cast<std::size_t>(i)] = i / kTile == i % kTile ? 0 : 1;
  return ones;
}();

// Of a small matrix by Gauss-Jordan elimination; false where a pivot is not positive.
bool invert_tile(double* a) {
  for (Index k = 0; k < kTile; ++k) {
    double* const row = a + k * kTile;
    if (!(row[k] > 0)) return false;
    const double pivot = 1 / row[k];
    double factor[kTile];
    for (Index i = 0; i < kTile; ++i) factor[i] = i == k ? 0 : a[i * kTile + k];
    const double* const others = kAllButDiagonal.data() + k * kTile;
    for (Index part = 0; part < kTile; part += kVecWidth) {
      const Vec mask = load(others + part);
      const Vec scaled = pivot * (load(row + part) * mask + (1.0 - mask));
      for (Index i = 0; i < kTile; ++i) {
        double* const to = a + i * kTile + part;
        store(to, i == k ? scaled : load(to) * mask - factor[i] * scaled);
      }
    }
  }
  return true;
}

// out [8, 8] = left' right: left holds 8 rows of `stride`, right and out are tiles.
DRTENGINE_INLINE void multiply_transposed(const double* left, Index stride, const double* right, double* out) {
  for (Index part = 0; part < kTile; part += kVecWidth) {
    Vec sum[kTile] = {};
    for (Index k = 0; k < kTile; ++k) {
      const Vec x = load(right + k * kTile + part);
      DRTENGINE_UNROLL
      for (Index i = 0; i < kTile; ++i) sum[i] += left[k * stride + i] * x;
    }
    DRTENGINE_UNROLL
    for (Index i = 0; i < kTile; ++i) store(out + i * kTile + part, sum[i]);
  }
}

// to (rows of `stride`) -= left [8, 8] * right (8 rows of `stride`).
DRTENGINE_INLINE void subtract_product(double* to, const double* left, const double* right, Index stride) {
  for (Index part = 0; part < kTile; part += kVecWidth) {
    Vec sum[kTile];
    DRTENGINE_UNROLL
    for (Index i = 0; i < kTile; ++i) sum[i] = load(to + i * stride + part);
    for (Index k = 0; k < kTile; ++k) {
      const Vec x = load(right + k * stride + part);
      DRTENGINE_UNROLL
      for (Index i = 0; i < kTile; ++i) sum[i] -= left[i * kTile + k] * x;
    }
    DRTENGINE_UNROLL
    for (Index i = 0; i < kTile; ++i) store(to + i * stride + part, sum[i]);
  }
}

}  // namespace

// Sweeps one block of eight after the other: with P = A_kk the rest becomes A_ij - A_ik P^-1 A_kj, the
// column A_ik P^-1 and the block itself -P^-1, which leaves -A^-1 at the end.
bool invert_symmetric(RowMatrix& matrix) {
  const Index size = matrix.rows();
  double* const a = matrix.data();
  RowMatrix column(kTile, size);   // A_ki, all i
  RowMatrix divided(size, kTile);  // A_ik P^-1
  for (Index k = 0; k < size; k += kTile) {
    double pivot[kTile * kTile];
    for (Index r = 0; r < kTile; ++r) {
      for (Index c = 0; c < kTile; ++c) pivot[r * kTile + c] = a[(k + std::max(r, c)) * size + k + std::min(r, c)];
      std::copy_n(a + (k + r) * size, k, column.data() + r * size);
    }
    for (Index i = k + kTile; i < size; ++i) {
      for (Index r = 0; r < kTile; ++r) column(r, i) = a[i * size + k + r];
    }
    if (!invert_tile(pivot)) return false;
    for (Index i = 0; i < size; i += kTile) {
      if (i != k) multiply_transposed(column.data() + i, size, pivot, divided.data() + i * kTile);
    }
    for (Index i = 0; i < size; i += kTile) {
      if (i == k) continue;
      for (Index j = 0; j <= i; j += kTile) {
        if (j != k) subtract_product(a + i * size + j, divided.data() + i * kTile, column.data() + j, size);
      }
    }
    for (Index r = 0; r < kTile; ++r) {
      for (Index i = 0; i < k; ++i) a[(k + r) * size + i] = divided(i, r);
      for (Index c = 0; c < kTile; ++c) a[(k + r) * size + k + c] = -pivot[r * kTile + c];
    }
    for (Index i = k + kTile; i < size; ++i) std::copy_n(divided.data() + i * kTile, kTile, a + i * size + k);
  }
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < i; ++j) a[j * size + i] = a[i * size + j] = -a[i * size + j];
    a[i * size + i] = -a[i * size + i];
  }
  return true;
}

Chain::Chain(Index n, Index count)
    : n_(n), size_(padded(n)), count_(count), from_left_(static_cast<std::size_t>(count)) {}

bool Chain::solve(const Vector& tie, const FillBlock& fill, RowMatrix& right_side) {
  for (Index v = 0; v < count_; ++v) {
    RowMatrix& block = from_left_[static_cast<std::size_t>(v)];
    block.setIdentity(size_, size_);
    fill(v, block);
    if (v > 0) {
      const auto left = from_left_[static_cast<std::size_t>(v - 1)].topLeftCorner(n_, n_);
      block.topLeftCorner(n_, n_) -= (tie[v - 1] * tie[v - 1]) * left;
      right_side.row(v) += tie[v - 1] * right_side.row(v - 1);
    }
    if (!invert_symmetric(block)) return false;
    right_side.row(v) = (block.topLeftCorner(n_, n_) * right_side.row(v).transpose()).transpose();
  }
  for (Index v = count_ - 2; v >= 0; --v) {
    const auto left = from_left_[static_cast<std::size_t>(v)].topLeftCorner(n_, n_);
    right_side.row(v) += (tie[v] * (left * right_side.row(v + 1).transpose())).transpose();
  }
  return true;
}

bool Chain::invert(const Vector& tie, const FillBlock& fill, const TakeBlock& take) {
  RowMatrix inverse = from_left_.back(), from_right, block(size_, size_);
  take(count_ - 1, inverse, 0);
  for (Index v = count_ - 2; v >= 0; --v) {
    // B_{v+1}, of which only the inverse is kept
    block.setIdentity();
    fill(v + 1, block);
    if (v + 2 < count_) block.topLeftCorner(n_, n_) -= (tie[v + 1] * tie[v + 1]) * from_right.topLeftCorner(n_, n_);
    if (!invert_symmetric(block)) return false;
    std::swap(block, from_right);
    if (block.size() == 0) block.resize(size_, size_);

    const RowMatrix& left = from_left_[static_cast<std::size_t>(v)];
    const double trace = tie[v] * left.topLeftCorner(n_, n_).cwiseProduct(inverse.topLeftCorner(n_, n_)).sum();
    // F_v - tie^2 B^-1 = A_v + (what the left brings) - tie^2 B^-1
    inverse.setIdentity();
    fill(v, inverse);
    auto own = inverse.topLeftCorner(n_, n_);
    own -= (tie[v] * tie[v]) * from_right.topLeftCorner(n_, n_);
    if (v > 0) own -= (tie[v - 1] * tie[v - 1]) * from_left_[static_cast<std::size_t>(v - 1)].topLeftCorner(n_, n_);
    if (!invert_symmetric(inverse)) return false;
    take(v, inverse, trace);
  }
  return true;
}

}  // namespace drtengine
