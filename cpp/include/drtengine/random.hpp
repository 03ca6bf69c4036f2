// Random numbers by counting: the k-th of a stream is a hash of its key and k (SplitMix64: Steele, Lea, Flood,
// doi:10.1145/2660193.2660195), so that loops over them turn into vectors.
#pragma once

#include "drtengine/types.hpp"

#include <cstdint>

namespace drtengine {

class RandomStream {
 public:
  explicit RandomStream(std::uint64_t key) : key_(key) {}

  // A stream for these numbers under this seed: it depends on nothing else, so neither threads nor the way a
  // batch is cut change what a spectrum gets.
  static RandomStream of(std::uint64_t seed, const double* numbers, Index count);

  double uniform();  // between 0 and 1, never either
  double normal();
  double gamma(double shape);  // of rate one
  void fill_normal(double* to, Index count);

 private:
  std::uint64_t bits();

  std::uint64_t key_, counter_ = 0;
};

}  // namespace drtengine
