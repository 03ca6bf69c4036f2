#include "drtengine/quadrature.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace drtengine {
namespace {

constexpr int kPoints = 16;

struct GaussLegendre {
  std::array<double, kPoints> nodes, weights;  // on [-1, 1]

  GaussLegendre() {  // Newton on the Legendre polynomial
    for (int i = 0; i < kPoints; ++i) {
      double x = std::cos(std::numbers::pi * (i + 0.75) / (kPoints + 0.5));
      double slope = 0;
      for (int iteration = 0; iteration < 20; ++iteration) {
        double p = 1, before = 0;
        for (int k = 1; k <= kPoints; ++k) {
          const double next = ((2 * k - 1) * x * p - (k - 1) * before) / k;
          before = p;
          p = next;
        }
        slope = kPoints * (x * p - before) / (x * x - 1);
        x -= p / slope;
      }
      nodes[i] = x;
      weights[i] = 2 / ((1 - x * x) * slope * slope);
    }
  }
};

}  // namespace

void add_panel(Rule& rule, double lower, double upper) {
  static const GaussLegendre reference;
  const double centre = (lower + upper) / 2, half = (upper - lower) / 2;
  for (int i = 0; i < kPoints; ++i) {
    rule.add(centre + half * reference.nodes[i], half * reference.weights[i]);
  }
}

void add_panels(Rule& rule, double lower, double upper, double first, double longest) {
  for (double length = std::min(first, longest); lower < upper; length = std::min(2 * length, longest)) {
    const double end = upper - lower < 1.5 * length ? upper : lower + length;
    add_panel(rule, lower, end);
    lower = end;
  }
}

}  // namespace drtengine
