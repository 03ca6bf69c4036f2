// The widest vectors of doubles and of floats that the instruction set at hand offers.
//
// One extension module is built per instruction set, each with its own width; nothing else
// in the core knows which one it is in.
#pragma once

#include "drtengine/types.hpp"

#include <cmath>
#include <cstring>
#include <utility>

#if defined(__AVX512F__) || defined(__AVX__)
#include <immintrin.h>
#endif

namespace drtengine {

#if !defined(__GNUC__)  // compilers without vector extensions
inline constexpr Index kVecWidth = 1;
template <class Real>
inline constexpr Index kLanes = 1;
template <class Real>
struct VecTypes {
  using Type = Real;
};
#else
#if defined(__AVX512F__)
inline constexpr Index kVecBytes = 64;
#elif defined(__AVX__)
inline constexpr Index kVecBytes = 32;
#else
inline constexpr Index kVecBytes = 16;
#endif
inline constexpr Index kFloatBytes = kVecBytes < 32 ? kVecBytes : 32;
template <class Real>
inline constexpr Index kLanes = (sizeof(Real) == 4 ? kFloatBytes : kVecBytes) / static_cast<Index>(sizeof(Real));
inline constexpr Index kVecWidth = kLanes<double>;
template <class Real>
struct VecTypes;
template <>
struct VecTypes<double> {
  using Type = double __attribute__((vector_size(kVecBytes)));
};
template <>
struct VecTypes<float> {
  using Type = float __attribute__((vector_size(kFloatBytes)));
};
#endif
template <class Real>
using VecOf = VecTypes<Real>::Type;
using Vec = VecOf<double>;

// For loops of constant length, loops whose iterations write to places of their own, and small
// functions whose vectors must stay in registers.
#if defined(__GNUC__)
#define DRTENGINE_UNROLL _Pragma("GCC unroll 32")
#define DRTENGINE_INDEPENDENT _Pragma("GCC ivdep")
#define DRTENGINE_INLINE inline __attribute__((always_inline))
#define DRTENGINE_INLINE_LAMBDA __attribute__((always_inline))
#else
#define DRTENGINE_UNROLL
#define DRTENGINE_INDEPENDENT
#define DRTENGINE_INLINE inline
#define DRTENGINE_INLINE_LAMBDA
#endif

template <class Real>
VecOf<Real> load(const Real* from) {
  VecOf<Real> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(double* to, Vec v) { std::memcpy(to, &v, sizeof v); }
inline void store(float* to, VecOf<float> v) { std::memcpy(to, &v, sizeof v); }

// A vector less zero is the vector: unlike a sum with zero, which would turn -0 to 0, it costs nothing.
inline Vec broadcast(double value) { return value - Vec{}; }
inline VecOf<float> broadcast(float value) { return value - VecOf<float>{}; }

#if defined(__AVX512F__)
inline Vec sqrt(Vec v) { return _mm512_sqrt_pd(v); }
inline VecOf<float> sqrt(VecOf<float> v) { return _mm256_sqrt_ps(v); }
#elif defined(__AVX__)
inline Vec sqrt(Vec v) { return _mm256_sqrt_pd(v); }
inline VecOf<float> sqrt(VecOf<float> v) { return _mm256_sqrt_ps(v); }
#elif defined(__GNUC__)
template <class V>
V sqrt_lane_by_lane(V v) {
  for (std::size_t i = 0; i < sizeof v / sizeof v[0]; ++i) v[i] = std::sqrt(v[i]);
  return v;
}
inline Vec sqrt(Vec v) { return sqrt_lane_by_lane(v); }
inline VecOf<float> sqrt(VecOf<float> v) { return sqrt_lane_by_lane(v); }
#else
using std::sqrt;
#endif

// v[i][j] <-> v[j][i]
#if defined(__GNUC__)
template <Index Step, std::size_t... Lane>
DRTENGINE_INLINE void swap_off_diagonal(Vec& a, Vec& b, std::index_sequence<Lane...>) {
  constexpr std::size_t width = kVecWidth, step = Step;
  const Vec old = a;
  a = __builtin_shufflevector(a, b, static_cast<int>((Lane & step) != 0 ? width + Lane - step : Lane)...);
  b = __builtin_shufflevector(old, b, static_cast<int>((Lane & step) != 0 ? width + Lane : Lane + step)...);
}
template <Index Step = kVecWidth / 2>
DRTENGINE_INLINE void transpose(Vec (&v)[kVecWidth]) {
  if constexpr (Step > 0) {
    DRTENGINE_UNROLL
    for (Index i = 0; i < kVecWidth; ++i) {
      if ((i & Step) == 0) swap_off_diagonal<Step>(v[i], v[i + Step], std::make_index_sequence<kVecWidth>());
    }
    transpose<Step / 2>(v);
  }
}
#else
inline void transpose(Vec (&)[1]) {}
#endif

// Bit i is set where a[i] < b[i].
#if defined(__AVX512F__)
inline unsigned less_mask(Vec a, Vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
inline unsigned less_mask(VecOf<float> a, VecOf<float> b) { return _mm256_cmp_ps_mask(a, b, _CMP_LT_OQ); }
#elif defined(__AVX__)
inline unsigned less_mask(Vec a, Vec b) {
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)));
}
inline unsigned less_mask(VecOf<float> a, VecOf<float> b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)));
}
#else
template <class Real>
unsigned less_mask_lane_by_lane(VecOf<Real> a, VecOf<Real> b) {
  Real x[kLanes<Real>], y[kLanes<Real>];
  store(x, a);
  store(y, b);
  unsigned mask = 0;
  for (Index i = 0; i < kLanes<Real>; ++i) mask |= static_cast<unsigned>(x[i] < y[i]) << i;
  return mask;
}
inline unsigned less_mask(Vec a, Vec b) { return less_mask_lane_by_lane<double>(a, b); }
inline unsigned less_mask(VecOf<float> a, VecOf<float> b) { return less_mask_lane_by_lane<float>(a, b); }
#endif

}  // namespace drtengine
