// The widest vector of doubles that the instruction set at hand offers.
//
// One extension module is built per instruction set, each with its own width; nothing else
// in the core knows which one it is in.
#pragma once

#include "drtengine/types.hpp"

#include <cmath>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX__)
#include <immintrin.h>
#endif

namespace drtengine {

#if !defined(__GNUC__)
inline constexpr Index kVecWidth = 1;  // compilers without vector extensions
using Vec = double;
#else
#if defined(__AVX512F__)
inline constexpr Index kVecWidth = 8;
#elif defined(__AVX__)
inline constexpr Index kVecWidth = 4;
#else
inline constexpr Index kVecWidth = 2;
#endif
using Vec = double __attribute__((vector_size(sizeof(double) * kVecWidth)));
#endif

// For loops of constant length, loops whose iterations write to places of their own, and small
// functions whose vectors must stay in registers.
#if defined(__GNUC__)
#define DRTENGINE_UNROLL _Pragma("GCC unroll 16")
#define DRTENGINE_INDEPENDENT _Pragma("GCC ivdep")
#define DRTENGINE_INLINE inline __attribute__((always_inline))
#define DRTENGINE_INLINE_LAMBDA __attribute__((always_inline))
#else
#define DRTENGINE_UNROLL
#define DRTENGINE_INDEPENDENT
#define DRTENGINE_INLINE inline
#define DRTENGINE_INLINE_LAMBDA
#endif

inline Vec load(const double* from) {
  Vec v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(double* to, Vec v) { std::memcpy(to, &v, sizeof v); }

inline Vec broadcast(double value) { return Vec{} + value; }

inline Vec sqrt(Vec v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_pd(v);
#elif defined(__AVX__)
  return _mm256_sqrt_pd(v);
#else
  double x[kVecWidth];
  store(x, v);
  for (double& value : x) value = std::sqrt(value);
  return load(x);
#endif
}

// Bit i is set where a[i] < b[i].
inline unsigned less_mask(Vec a, Vec b) {
#if defined(__AVX512F__)
  return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ);
#elif defined(__AVX__)
  return static_cast<unsigned>(_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)));
#else
  double x[kVecWidth], y[kVecWidth];
  store(x, a);
  store(y, b);
  unsigned mask = 0;
  for (Index i = 0; i < kVecWidth; ++i) mask |= static_cast<unsigned>(x[i] < y[i]) << i;
  return mask;
#endif
}

}  // namespace drtengine
