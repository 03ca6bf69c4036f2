#include "drtengine/lanes.hpp"

#include "drtengine/lane_block.hpp"

#include <algorithm>
#include <cmath>

namespace drtengine {
namespace {

template <class A, class B>
DRTENGINE_INLINE Block<double> products(Index begin, Index end, A&& a, B&& b) {
  Block<double> sum;
  add_products(sum, begin, end, a, b);
  return sum;
}

// Cholesky factor of a diagonal block, in place; its diagonal comes out inverted.
DRTENGINE_INLINE void factorize_block(Block<double>& a) {
  DRTENGINE_UNROLL
  for (Index j = 0; j < kBlock; ++j) {
    DRTENGINE_UNROLL
    for (Index i = j; i < kBlock; ++i) {
      DRTENGINE_UNROLL
      for (Index k = 0; k < j; ++k) a.v[i][j] -= a.v[i][k] * a.v[j][k];
      if (i == j) {
        a.v[j][j] = broadcast(1.0) / sqrt(a.v[j][j]);
      } else {
        a.v[i][j] *= a.v[j][j];
      }
    }
  }
}

}  // namespace

void LaneSystems::resize(Index n) {
  n_ = (n + kBlock - 1) / kBlock * kBlock;
  const auto entries = static_cast<std::size_t>(n_ * n_ * kVecWidth);
  if (data_.size() < entries) data_.resize(entries);
  if (right_side_.size() < static_cast<std::size_t>(n_ * kVecWidth))
    right_side_.resize(static_cast<std::size_t>(n_ * kVecWidth));
  for (Index i = n; i < n_; ++i) {  // the rows that fill the last block: identity
    for (Index j = 0; j <= i; ++j) set(i, j, broadcast(i == j ? 1.0 : 0.0));
    store(right_side(i), Vec{});
  }
}

void LaneSystems::factorize() {
  // entries of a block minus what the columns to the left contribute
  const auto reduced = [this](Index i0, Index j0, bool diagonal) DRTENGINE_INLINE_LAMBDA {
    Block<double> block = products(
        0, j0, [&](Index i, Index k) { return at(i0 + i, k); }, [&](Index j, Index k) { return at(j0 + j, k); });
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) {
      DRTENGINE_UNROLL
      for (Index j = 0; j < kBlock; ++j) {
        if (!diagonal || j <= i) block.v[i][j] = at(i0 + i, j0 + j) - block.v[i][j];
      }
    }
    return block;
  };
  for (Index j0 = 0; j0 < n_; j0 += kBlock) {
    Block<double> L = reduced(j0, j0, true);
    factorize_block(L);
    put(j0, j0, L, true);
    for (Index i0 = j0 + kBlock; i0 < n_; i0 += kBlock) {
      Block<double> block = reduced(i0, j0, false);
      solve_from_right(L, block);
      put(i0, j0, block, false);
    }
  }
}

template <class Entries>
void LaneSystems::put(Index i0, Index j0, const Entries& block, bool lower_only) {
  DRTENGINE_UNROLL
  for (Index i = 0; i < kBlock; ++i) {
    DRTENGINE_UNROLL
    for (Index j = 0; j < kBlock; ++j) {
      if (!lower_only || j <= i) set(i0 + i, j0 + j, block.v[i][j]);
    }
  }
}

void LaneSystems::solve() {
  const auto b = [this](Index i) { return load(right_side(i)); };
  for (Index i0 = 0; i0 < n_; i0 += kBlock) {  // L y = b
    Vec y[kBlock];
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) y[i] = b(i0 + i);
    for (Index k = 0; k < i0; ++k) {
      const Vec known = b(k);
      DRTENGINE_UNROLL
      for (Index i = 0; i < kBlock; ++i) y[i] -= at(i0 + i, k) * known;
    }
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) {
      DRTENGINE_UNROLL
      for (Index k = 0; k < i; ++k) y[i] -= at(i0 + i, i0 + k) * y[k];
      y[i] *= at(i0 + i, i0 + i);
      store(right_side(i0 + i), y[i]);
    }
  }
  for (Index i0 = n_ - kBlock; i0 >= 0; i0 -= kBlock) {  // L' x = y
    Vec x[kBlock];
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) x[i] = b(i0 + i);
    for (Index k = i0 + kBlock; k < n_; ++k) {
      const Vec known = b(k);
      DRTENGINE_UNROLL
      for (Index i = 0; i < kBlock; ++i) x[i] -= at(k, i0 + i) * known;
    }
    DRTENGINE_UNROLL
    for (Index i = kBlock - 1; i >= 0; --i) {
      DRTENGINE_UNROLL
      for (Index k = i + 1; k < kBlock; ++k) x[i] -= at(i0 + k, i0 + i) * x[k];
      x[i] *= at(i0 + i, i0 + i);
      store(right_side(i0 + i), x[i]);
    }
  }
}

Vec LaneSystems::log_det() {
  constexpr Index kFactors = 4;  // few enough that their product neither over- nor underflows
  double sum[kVecWidth] = {};
  for (Index begin = 0; begin < n_; begin += kFactors) {
    Vec product = broadcast(1.0);
    for (Index i = begin; i < std::min(begin + kFactors, n_); ++i) product *= at(i, i);
    double factor[kVecWidth];
    store(factor, product);
    for (Index lane = 0; lane < kVecWidth; ++lane) sum[lane] -= 2 * std::log(factor[lane]);
  }
  return load(sum);
}

void LaneSystems::invert_factor() {
  // X = L^-1. In a row of blocks, those to the left need the diagonal one: it turns last.
  for (Index i0 = 0; i0 < n_; i0 += kBlock) {
    for (Index j0 = 0; j0 <= i0; j0 += kBlock) {
      Block<double> x = products(
          j0, i0, [&](Index i, Index k) { return at(i0 + i, k); }, [&](Index j, Index k) { return at(k, j0 + j); });
      DRTENGINE_UNROLL
      for (Index i = 0; i < kBlock; ++i) {
        DRTENGINE_UNROLL
        for (Index j = 0; j < kBlock; ++j) {
          Vec value = broadcast(i0 + i == j0 + j ? 1.0 : 0.0) - x.v[i][j];
          DRTENGINE_UNROLL
          for (Index k = 0; k < i; ++k) value -= at(i0 + i, i0 + k) * x.v[k][j];
          x.v[i][j] = value * at(i0 + i, i0 + i);
        }
      }
      put(i0, j0, x, false);  // with the zeros right of the diagonal, which are read below
    }
  }
}

void LaneSystems::invert() {
  invert_factor();
  // A^-1 = X'X, in place for the same reason
  for (Index i0 = 0; i0 < n_; i0 += kBlock) {
    for (Index j0 = 0; j0 <= i0; j0 += kBlock) {
      put(i0, j0,
          products(
              i0, n_, [&](Index i, Index k) { return at(k, i0 + i); }, [&](Index j, Index k) { return at(k, j0 + j); }),
          false);
    }
  }
}

}  // namespace drtengine
