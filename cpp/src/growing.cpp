#include "drtengine/growing.hpp"

#include "drtengine/lane_block.hpp"

#include <algorithm>
#include <cmath>

namespace drtengine {

template <class Real>
void GrowingSystems<Real>::resize(Index n) {
  n_ = (n + kBlock - 1) / kBlock * kBlock;
  const auto vectors = static_cast<std::size_t>(n_ * kWidth);
  if (sign_.size() >= vectors) return;
  data_.resize(static_cast<std::size_t>(place(n_, 0) * kWidth));
  right_side_.resize(vectors);
  sign_.resize(vectors, 1);
  solution_.resize(vectors);
}

template <class Real>
void GrowingSystems<Real>::fill_rows(Index begin) {
  for (Index i = begin; i < n_; ++i) {
    std::fill(entry(i, 0), entry(i, i), Real{0});
    store(entry(i, i), broadcast(Real{1}));
    store(right_side(i), V{});
  }
}

template <class Real>
void GrowingSystems<Real>::start(Index n) {
  std::ranges::fill(sign_, Real{1});
  n_done_ = 0;
  resize(n);
  n_start_ = n_;
  fill_rows(n);
}

template <class Real>
void GrowingSystems<Real>::grow(Index count) {
  const Index before = n_;
  resize(n_ + count);
  fill_rows(before);
}

// Entries of a block minus what the columns to the left contribute: a sum of one sign in the rows of
// the start, of the signs in S from there on.
template <class Real>
DRTENGINE_INLINE Block<Real> GrowingSystems<Real>::reduced(Index i0, Index j0) {
  const Real *left = entry(i0, 0), *right = entry(j0, 0);
  const Index left_width = (i0 + kBlock) * kWidth, right_width = (j0 + kBlock) * kWidth;
  const auto a = [=](Index i, Index k) { return load(left + i * left_width + k * kWidth); };
  const auto b = [=](Index j, Index k) { return load(right + j * right_width + k * kWidth); };
  Block<Real> block;
  add_products(block, 0, std::min(j0, n_start_), a, b);
  if (j0 > n_start_) {
    add_products(block, n_start_, j0, a, [=, this](Index j, Index k) { return b(j, k) * load(sign(k)); });
  }
  DRTENGINE_UNROLL
  for (Index i = 0; i < kBlock; ++i) {
    DRTENGINE_UNROLL
    for (Index j = 0; j < kBlock; ++j) {
      if (i0 != j0 || j <= i) block.v[i][j] = a(i, j0 + j) - block.v[i][j];
    }
  }
  return block;
}

template <class Real>
void GrowingSystems<Real>::factorize() {
  for (Index j0 = 0; j0 < n_; j0 += kBlock) {
    V s[kBlock];
    DRTENGINE_UNROLL
    for (Index j = 0; j < kBlock; ++j) s[j] = load(sign(j0 + j));
    const bool is_new = j0 >= n_done_;
    if (is_new) factorize_diagonal(j0, s);
    Block<Real> L;
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) {
      DRTENGINE_UNROLL
      for (Index j = 0; j <= i; ++j) L.v[i][j] = at(j0 + i, j0 + j);
    }
    for (Index i0 = is_new ? j0 + kBlock : n_done_; i0 < n_; i0 += kBlock) {
      Block<Real> block = reduced(i0, j0);
      solve_from_right(L, block);
      Real* to = entry(i0, j0);
      const Index width = (i0 + kBlock) * kWidth;
      DRTENGINE_UNROLL
      for (Index i = 0; i < kBlock; ++i) {
        DRTENGINE_UNROLL
        for (Index j = 0; j < kBlock; ++j) store(to + i * width + j * kWidth, block.v[i][j] * s[j]);
      }
    }
  }
  for (; n_done_ < n_; n_done_ += kBlock) solve_forward(n_done_);
}

template <class Real>
DRTENGINE_INLINE void GrowingSystems<Real>::factorize_diagonal(Index i0, const V* s) {
  Block<Real> block = reduced(i0, i0);
  DRTENGINE_UNROLL
  for (Index j = 0; j < kBlock; ++j) {
    DRTENGINE_UNROLL
    for (Index i = j; i < kBlock; ++i) {
      V value = block.v[i][j];
      DRTENGINE_UNROLL
      for (Index k = 0; k < j; ++k) value -= block.v[i][k] * (s[k] * block.v[j][k]);
      block.v[i][j] = i == j ? broadcast(Real{1}) / sqrt(value * s[j]) : value * block.v[j][j] * s[j];
    }
  }
  DRTENGINE_UNROLL
  for (Index i = 0; i < kBlock; ++i) {
    DRTENGINE_UNROLL
    for (Index j = 0; j <= i; ++j) store(entry(i0 + i, i0 + j), block.v[i][j]);
  }
}

// right_side <- L^-1 right_side, for a block of rows
template <class Real>
DRTENGINE_INLINE void GrowingSystems<Real>::solve_forward(Index i0) {
  const Real* own = entry(i0, 0);
  const Index width = (i0 + kBlock) * kWidth;
  V y[kBlock];
  DRTENGINE_UNROLL
  for (Index i = 0; i < kBlock; ++i) y[i] = load(right_side(i0 + i));
  for (Index k = 0; k < i0; ++k) {
    const V known = load(right_side(k));
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) y[i] -= load(own + i * width + k * kWidth) * known;
  }
  DRTENGINE_UNROLL
  for (Index i = 0; i < kBlock; ++i) {
    DRTENGINE_UNROLL
    for (Index k = 0; k < i; ++k) y[i] -= at(i0 + i, i0 + k) * y[k];
    y[i] *= at(i0 + i, i0 + i);
    store(right_side(i0 + i), y[i]);
  }
}

template <class Real>
void GrowingSystems<Real>::solve() {
  for (Index i0 = n_ - kBlock; i0 >= 0; i0 -= kBlock) {  // L'x = S right_side
    V x[kBlock];
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) x[i] = load(sign(i0 + i)) * load(right_side(i0 + i));
    for (Index k0 = i0 + kBlock; k0 < n_; k0 += kBlock) {
      const Real* row = entry(k0, i0);
      const Index width = (k0 + kBlock) * kWidth;
      DRTENGINE_UNROLL
      for (Index k = 0; k < kBlock; ++k) {
        const V known = load(solution(k0 + k));
        DRTENGINE_UNROLL
        for (Index i = 0; i < kBlock; ++i) x[i] -= load(row + k * width + i * kWidth) * known;
      }
    }
    DRTENGINE_UNROLL
    for (Index i = kBlock - 1; i >= 0; --i) {
      DRTENGINE_UNROLL
      for (Index k = i + 1; k < kBlock; ++k) x[i] -= at(i0 + k, i0 + i) * x[k];
      x[i] *= at(i0 + i, i0 + i);
      store(solution_.data() + (i0 + i) * kWidth, x[i]);
    }
  }
}

template <class Real>
void GrowingSystems<Real>::solve_anew() {
  for (Index i0 = 0; i0 < n_; i0 += kBlock) solve_forward(i0);
  solve();
}

template <class Real>
double GrowingSystems<Real>::log_det(std::size_t lane) const {
  double sum = 0;
  for (Index i0 = 0; i0 < n_; i0 += kBlock) {  // whole blocks, so that filling moves no factor to another product
    double product = 1;
    for (Index i = i0; i < i0 + kBlock; ++i) product *= data_[static_cast<std::size_t>(place(i, i) * kWidth) + lane];
    sum -= 2 * std::log(product);
  }
  return sum;
}

template class GrowingSystems<double>;
template class GrowingSystems<float>;

}  // namespace drtengine
