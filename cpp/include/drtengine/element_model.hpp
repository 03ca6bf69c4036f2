// Sums of Havriliak-Negami elements, Z = R_inf + iwL + 1/(iwC) + sum R/(1+(iw tau)^a)^b, with derivatives.
#pragma once

#include "drtengine/types.hpp"

#include <array>
#include <bitset>
#include <vector>

namespace drtengine {

// Which exponents of an element are free: a of a ZARC, b of a Cole-Davidson element, both of a
// Havriliak-Negami element. The others are one.
enum class Kind : std::int8_t { kZarc = 0, kColeDavidson = 1, kHavriliakNegami = 2 };

// A sum is a row of numbers: R_inf, L and 1/C, then ln R, ln tau, a, b of each element.
inline constexpr Index kMaxElements = 6, kSeries = 3, kPerElement = 4;
inline constexpr Index kMaxParameters = kSeries + kPerElement * kMaxElements;
enum SeriesParameter : Index { kRInf, kInductance, kElastance };
enum ElementParameter : Index { kLogR, kLogTau, kA, kB };

// Limits of the exponents.
inline constexpr double kSmallestA = 0.3, kSmallestB = 0.15;

inline constexpr Index parameter(Index element, Index which) { return kSeries + kPerElement * element + which; }

struct Bounds {
  double low, high;
};

using ParameterSet = std::bitset<kMaxParameters>;

struct ElementSum {
  std::array<double, kMaxParameters> value{};
  std::array<Kind, kMaxElements> kind{};
  Index count = 0;

  double& at(Index element, ElementParameter which) {
    return value[static_cast<std::size_t>(parameter(element, which))];
  }
  double at(Index element, ElementParameter which) const {
    return value[static_cast<std::size_t>(parameter(element, which))];
  }
  void add(Kind kind, double log_r, double log_tau, double a, double b);
  void remove(Index element);
  void sort_by_tau();
};

// What of a sum the data decide on one list of frequencies. Columns of L and 1/C are scaled to
// have a largest entry of one: their unknowns are w_max L and 1/(w_min C) in ohm.
class ElementModel {
 public:
  ElementModel(ConstVectorView omega, bool inductance, bool capacitance);

  Index points() const { return points_; }
  Index rows() const { return 2 * padded_; }  // Re of all points, zeros, Im of all points, zeros
  Index imag(Index point) const { return padded_ + point; }
  double band() const { return band_; }  // ln(w_max / w_min)
  // One entry of each unknown in SI units: 1, 1/w_max, w_min.
  const std::array<double, kSeries>& series_unit() const { return series_unit_; }

  Bounds bounds(Index parameter) const;
  ParameterSet free_parameters(const ElementSum& sum) const;

  // residual = target - weighted model, jacobian[parameter, row] = weighted derivatives of the
  // model; only rows of free parameters are written. root_weight is zero in padded rows.
  void evaluate(const ElementSum& sum, const double* root_weight, const double* target, double* residual,
                double* jacobian) const;

 private:
  Index points_, padded_;
  bool inductance_, capacitance_;
  double log_tau_low_ = 0, log_tau_high_ = 0, band_ = 0;
  std::array<double, kSeries> series_unit_{};
  AlignedVector<double> log_omega_;  // [point], padded with zeros
  RowMatrix series_;                 // [series parameter, row]
};

}  // namespace drtengine
