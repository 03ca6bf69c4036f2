// Sums of elements that the tests of their fits share, and their impedance in long double.
#pragma once

#include "drtengine/element_fit.hpp"
#include "drtengine/elements.hpp"
#include "support.hpp"

#include <complex>

namespace drtengine::testing {

using Complex = std::complex<Real>;

inline Vector frequencies() { return 2 * std::numbers::pi * log_spaced(1e5, 1e-2, 71); }

inline Complex impedance(const ElementSum& sum, const ElementModel& model, Real omega) {
  const auto& unit = model.series_unit();
  const Complex s(0, omega);
  Complex Z = Real{sum.value[kRInf]} + s * Real{sum.value[kInductance] * unit[kInductance]} +
              Real{sum.value[kElastance] * unit[kElastance]} / s;
  for (Index k = 0; k < sum.count; ++k) {
    const Complex q = std::pow(s * std::exp(Real{sum.at(k, kLogTau)}), Real{sum.at(k, kA)});
    Z += std::exp(Real{sum.at(k, kLogR)}) / std::pow(Real{1} + q, Real{sum.at(k, kB)});
  }
  return Z;
}

inline ElementSum three_elements() {
  ElementSum sum;
  sum.value = {10, 0.3, 0.7};
  sum.add(Kind::kZarc, 3, -8, 0.8, 1);
  sum.add(Kind::kColeDavidson, 2.5, -4, 1, 0.4);
  sum.add(Kind::kHavriliakNegami, 4, 1, 0.7, 0.6);
  return sum;
}

}  // namespace drtengine::testing
