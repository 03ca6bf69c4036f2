// exp, log, angle and sine of doubles without branches, for loops that the compiler turns into
// vectors. Good to about 2e-16 of the largest value in sight; no NaN, no subnormals.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace drtengine::elementary {

namespace detail {

// coefficient[0] + x (coefficient[1] + ...); by recursion, for loops of this length are not unrolled
template <std::size_t I = 0, std::size_t N>
constexpr double horner(const std::array<double, N>& coefficient, double x) {
  if constexpr (I + 1 == N) {
    return coefficient[I];
  } else {
    return horner<I + 1>(coefficient, x) * x + coefficient[I];
  }
}

constexpr double factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }

template <std::size_t N, class F>
constexpr std::array<double, N> series(F&& term) {
  std::array<double, N> coefficients{};
  for (std::size_t i = 0; i < N; ++i) coefficients[i] = term(static_cast<int>(i));
  return coefficients;
}

// 1 or 0, for choices that the compiler must not turn into branches
inline double is_positive(double x) { return 0.5 + std::copysign(0.5, x); }

constexpr double sign(int i) { return i % 2 == 0 ? 1 : -1; }

// Taylor series, as long as the argument is after reduction
inline constexpr auto kExp = series<14>([](int i) { return 1 / factorial(i); });
inline constexpr auto kAtanh = series<11>([](int i) { return 1.0 / (2 * i + 1); });
inline constexpr auto kAtan = series<21>([](int i) { return sign(i) / (2 * i + 1); });
inline constexpr auto kSin = series<12>([](int i) { return sign(i) / factorial(2 * i + 1); });
inline constexpr auto kCos = series<12>([](int i) { return sign(i) / factorial(2 * i); });

}  // namespace detail

// |x| <= 700
inline double exp(double x) {
  constexpr double kRounder = 0x1.8p52;  // adding it leaves the nearest integer in the last bits
  // ln 2 in two parts, the first short enough to be multiplied exactly
  constexpr double kLn2High = 0x1.62e42fefa38p-1, kLn2Low = 0x1.ef35793c7673p-45;  // NOLINT(modernize-use-std-numbers)
  const double shifted = x * std::numbers::log2e + kRounder, n = shifted - kRounder;
  const double rest = (x - n * kLn2High) - n * kLn2Low;
  const auto power = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
  return detail::horner(detail::kExp, rest) * power;
}

// x > 0
inline double log(double x) {
  constexpr std::uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd, kBias = 1024, kTwo52 = 0x4330000000000000;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t biased = (bits - kSqrtHalf + (kBias << 52)) >> 52;  // exponent + 1024
  const double exponent = std::bit_cast<double>(biased | kTwo52) - (0x1p52 + kBias);
  const auto mantissa = std::bit_cast<double>(bits - ((biased - kBias) << 52));  // between sqrt(1/2) and sqrt(2)
  const double s = (mantissa - 1) / (mantissa + 1);
  return exponent * std::numbers::ln2 + 2 * s * detail::horner(detail::kAtanh, s * s);
}

// The angle of x + iy, between 0 and pi: y >= 0, not both zero.
inline double angle(double y, double x) {
  constexpr double kTanPi8 = std::numbers::sqrt2 - 1, kPi = std::numbers::pi;
  const double width = std::abs(x);
  const double large = std::max(y, width), small = std::min(y, width);
  const double steep = detail::is_positive(small - kTanPi8 * large), high = detail::is_positive(y - width);
  const double t = (small - steep * large) / (large + steep * small);
  const double octant = steep * (kPi / 4) + t * detail::horner(detail::kAtan, t * t);
  const double quadrant = high * (kPi / 2) + (1 - 2 * high) * octant;
  const double left = detail::is_positive(-x);
  return left * kPi + (1 - 2 * left) * quadrant;
}

struct SineCosine {
  double sine, cosine;
};

// 0 <= x <= pi
inline SineCosine sine_cosine(double x) {
  const double y = x - std::numbers::pi / 2, square = y * y;
  return {detail::horner(detail::kCos, square), -y * detail::horner(detail::kSin, square)};
}

}  // namespace drtengine::elementary
