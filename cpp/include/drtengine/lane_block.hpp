// Square blocks of the entries of small systems, one system a lane, that stay in registers.
#pragma once

#include "drtengine/vec.hpp"

namespace drtengine {

#if defined(__AVX512F__)
inline constexpr Index kBlock = 4;
#else
inline constexpr Index kBlock = 2;
#endif

template <class Real>
struct Block {
  VecOf<Real> v[kBlock][kBlock] = {};
};

// sum += a(i, k) * b(j, k) over k in [begin, end); a and b give one vector each
template <class Real, class A, class B>
DRTENGINE_INLINE void add_products(Block<Real>& sum, Index begin, Index end, A&& a, B&& b) {
  for (Index k = begin; k < end; ++k) {
    VecOf<Real> right[kBlock];
    DRTENGINE_UNROLL
    for (Index j = 0; j < kBlock; ++j) right[j] = b(j, k);
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) {
      const VecOf<Real> left = a(i, k);
      DRTENGINE_UNROLL
      for (Index j = 0; j < kBlock; ++j) sum.v[i][j] += left * right[j];
    }
  }
}

// a <- a L'^-1
template <class Real>
DRTENGINE_INLINE void solve_from_right(const Block<Real>& L, Block<Real>& a) {
  DRTENGINE_UNROLL
  for (Index j = 0; j < kBlock; ++j) {
    DRTENGINE_UNROLL
    for (Index i = 0; i < kBlock; ++i) {
      DRTENGINE_UNROLL
      for (Index k = 0; k < j; ++k) a.v[i][j] -= a.v[i][k] * L.v[j][k];
      a.v[i][j] *= L.v[j][j];
    }
  }
}

}  // namespace drtengine
