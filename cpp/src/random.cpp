#include "drtengine/random.hpp"

#include "drtengine/elementary.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace drtengine {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
constexpr Index kBlock = 64;  // pairs of normal numbers made at a time

inline std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

inline double unit(std::uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53; }

// Box and Muller, on half a circle: the lowest bit, which the angle has no use for, says which half.
void normal_pairs(std::uint64_t first, double* cosines, double* sines, Index count) {
  for (Index i = 0; i < count; ++i) {
    const std::uint64_t at = first + 2 * static_cast<std::uint64_t>(i) * kGolden;
    const std::uint64_t b = mixed(at + kGolden);
    const double radius = std::sqrt(-2 * elementary::log(unit(mixed(at))));
    const auto [sine, cosine] = elementary::sine_cosine(std::numbers::pi * unit(b));
    cosines[i] = radius * cosine;
    sines[i] = radius * sine * (1 - 2 * static_cast<double>(b & 1));
  }
}

}  // namespace

RandomStream RandomStream::of(std::uint64_t seed, const double* numbers, Index count) {
  std::uint64_t key = mixed(seed + kGolden);
  for (Index i = 0; i < count; ++i) key = mixed((key ^ std::bit_cast<std::uint64_t>(numbers[i])) + kGolden);
  return RandomStream(key);
}

std::uint64_t RandomStream::bits() { return mixed(key_ + kGolden * ++counter_); }

double RandomStream::uniform() { return unit(bits()); }

double RandomStream::normal() {
  double x = 0;
  fill_normal(&x, 1);
  return x;
}

void RandomStream::fill_normal(double* to, Index count) {
  double cosines[kBlock], sines[kBlock];
  for (Index begin = 0; begin < count; begin += 2 * kBlock) {
    const Index here = std::min(2 * kBlock, count - begin), pairs = (here + 1) / 2;
    normal_pairs(key_ + kGolden * (counter_ + 1), cosines, sines, pairs);
    counter_ += 2 * static_cast<std::uint64_t>(pairs);
    std::copy_n(cosines, pairs, to + begin);
    std::copy_n(sines, here - pairs, to + begin + pairs);
  }
}

// Marsaglia and Tsang, doi:10.1145/358407.358414.
double RandomStream::gamma(double shape) {
  if (shape < 1) {
    const double boost = std::pow(uniform(), 1 / shape);
    return gamma(shape + 1) * boost;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(uniform()) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace drtengine
