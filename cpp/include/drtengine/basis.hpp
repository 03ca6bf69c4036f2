// Functions of ln(tau) that gamma is expanded in: gamma(ln tau) = sum_m x_m phi(eps (ln tau - ln tau_m)).
//
// Saccoccio, Wan, Chen, Ciucci, Electrochim. Acta 147 (2014) 470, doi:10.1016/j.electacta.2014.09.058.
#pragma once

#include "drtengine/types.hpp"

namespace drtengine {

enum class Shape : int {
  kPiecewiseLinear,   // hats between neighbouring nodes
  kGaussian,          // exp(-u^2)
  kC0,                // exp(-|u|)                                   (Matern family, C0 to C6)
  kC2,                // (1 + |u|) exp(-|u|)
  kC4,                // (3 + 3|u| + u^2) exp(-|u|) / 3
  kC6,                // (15 + 15|u| + 6u^2 + |u|^3) exp(-|u|) / 15
  kInverseQuadratic,  // 1 / (1 + u^2)
  kInverseQuadric,    // 1 / sqrt(1 + u^2)
  kCauchy,            // 1 / (1 + |u|)
};

// Functions of one shape and width on nodes in ln(tau), which must increase.
struct Basis {
  Shape shape;
  double epsilon;  // inverse width, per unit of ln(tau); piecewise linear functions ignore it
  Vector nodes;    // ln(tau_m)

  Basis(Shape shape, double epsilon, Vector nodes);
  Index size() const { return nodes.size(); }
};

// phi(u); phi(0) = 1. Not for piecewise linear functions.
double shape_value(Shape shape, double u);

// k-th derivative of phi at u >= 0, k = 1 or 2 (one-sided at a kink).
double shape_derivative(Shape shape, double u, int order);

// The integral of phi from 0 to u, odd in u.
double shape_integral(Shape shape, double u);

// u > 0 at which phi falls to one half.
double shape_half_width(Shape shape);

// epsilon such that the full width at half maximum is mean(spacing) / coefficient.
double epsilon_from_fwhm(Shape shape, double coefficient, ConstVectorView nodes);

// Values [point, node] of all functions at points of ln(tau).
RowMatrix basis_values(const Basis& basis, ConstVectorView points);

// Integrals [node] of all functions over ln(tau) from lower to upper.
Vector basis_integrals(const Basis& basis, double lower, double upper);

}  // namespace drtengine
