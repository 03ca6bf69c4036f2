#include "drtengine/kernel.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/quadrature.hpp"
#include "drtengine/vec.hpp"

#include <cmath>
#include <numbers>

namespace drtengine {
namespace {

// All functions are even, so the integral over t takes the Debye function at +t and -t together.
// With a = w tau_m and b = a^2 + 1/a^2 the two add up to
//   real: (2 cosh 2t + 2/a^2) / (2 cosh 2t + b),   imag: 2 cosh t (a + 1/a) / (2 cosh 2t + b):
// sums of positive terms, with one division for both. Everything is taken times e^-2t, since the
// reach of wide functions makes cosh 2t overflow.
struct EvenRule {
  std::vector<double> cosh1, cosh2, decay, weights;  // 2 cosh t e^-2t, 2 cosh 2t e^-2t, e^-2t, weight times phi
  double tail = 0;                                   // where the real pair has become 1: the integral of phi beyond

  EvenRule(const Basis& basis, const Rule& rule) {
    for (std::size_t j = 0; j < rule.nodes.size(); ++j) {
      const double t = rule.nodes[j];
      cosh1.push_back(std::exp(-t) + std::exp(-3 * t));
      cosh2.push_back(1 + std::exp(-4 * t));
      decay.push_back(std::exp(-2 * t));
      weights.push_back(rule.weights[j] * shape_value(basis.shape, basis.epsilon * t));
    }
  }
};

// The trapezoid rule converges exponentially for a Gaussian: aliasing asks for h <= 1/(2 eps),
// the poles of the Debye function at distance pi/2 for the second bound. The end is where
// phi e^{2t}, the integrand far outside the relaxation, has fallen by e^-40.
Rule gaussian_rule(double eps) {
  const double pi2 = std::numbers::pi * std::numbers::pi;
  const double h = std::min(0.5 / eps, pi2 / (39 + pi2 / 4 * eps * eps));
  const double end = (1 + std::sqrt(1 + 40 * eps * eps)) / (eps * eps);
  Rule rule;
  for (int j = 0; j * h < end; ++j) rule.add(j * h, j == 0 ? h / 2 : h);
  return rule;
}

// The other functions have a kink at zero or poles at 1/eps: Gauss panels that start there.
// `reach` is the largest |ln(w tau)|.
EvenRule even_rule(const Basis& basis, double reach) {
  const double eps = basis.epsilon;
  Rule rule;
  switch (basis.shape) {
    case Shape::kGaussian:
      return {basis, gaussian_rule(eps)};
    case Shape::kInverseQuadric:
    case Shape::kCauchy:
      add_panels(rule, 0, kSlowTailCut, 0.5 / eps, 1.5);
      return {basis, rule};
    case Shape::kInverseQuadratic: {
      const double end = reach + 40;
      add_panels(rule, 0, end, 0.5 / eps, 1.5);
      EvenRule even(basis, rule);
      even.tail = (std::numbers::pi / 2 - std::atan(eps * end)) / eps;
      return even;
    }
    default: {
      const double beyond_relaxation = reach + 50 / eps;
      const double far_outside = eps > 2.5 ? 50 / (eps - 2) : beyond_relaxation;
      add_panels(rule, 0, std::min(beyond_relaxation, far_outside), 1 / eps, std::min(1.5, 4 / eps));
      return {basis, rule};
    }
  }
}

// Fills real and imag at kVecWidth values of a = w tau.
void evaluate(const EvenRule& rule, const double* a_in, double* real, double* imag) {
  const Vec a = load(a_in), inverse = broadcast(1.0) / a, inverse2 = inverse * inverse;
  const Vec b = a * a + inverse2;
  Vec plain{}, with_cosh1{}, with_cosh2{};
  for (std::size_t j = 0; j < rule.weights.size(); ++j) {
    const Vec term = rule.weights[j] / (rule.cosh2[j] + rule.decay[j] * b);
    plain += rule.decay[j] * term;
    with_cosh1 += rule.cosh1[j] * term;
    with_cosh2 += rule.cosh2[j] * term;
  }
  store(real, with_cosh2 + 2 * inverse2 * plain + rule.tail);
  store(imag, -(a + inverse) * with_cosh1);
}

Kernel piecewise_linear_kernel(const Basis& basis, ConstVectorView omega) {
  const Index n = basis.size();
  Kernel result{RowMatrix(omega.size(), n), RowMatrix(omega.size(), n)};
  for (Index m = 0; m < n; ++m) {
    const double tau = std::exp(basis.nodes[m]);
    const double width = basis.nodes[std::min(m + 1, n - 1)] - basis.nodes[std::max<Index>(m - 1, 0)];
    for (Index k = 0; k < omega.size(); ++k) {
      const double a = omega[k] * tau;
      result.real(k, m) = width / 2 / (1 + a * a);
      result.imag(k, m) = -a * result.real(k, m);
    }
  }
  return result;
}

}  // namespace

Kernel kernel(const Basis& basis, ConstVectorView omega) {
  for (const double w : omega) {
    if (!(w > 0 && std::isfinite(w))) throw InvalidInput("frequencies must be finite and positive");
  }
  if (basis.shape == Shape::kPiecewiseLinear) return piecewise_linear_kernel(basis, omega);

  const Index n = basis.size(), padded = (n + kVecWidth - 1) / kVecWidth * kVecWidth;
  const Vector tau = basis.nodes.array().exp();
  const double reach = std::max(std::abs(std::log(omega.maxCoeff()) + basis.nodes[n - 1]),
                                std::abs(std::log(omega.minCoeff()) + basis.nodes[0]));
  const EvenRule rule = even_rule(basis, reach);
  Kernel result{RowMatrix(omega.size(), n), RowMatrix(omega.size(), n)};
  Vector a = Vector::Ones(padded), real(padded), imag(padded);
  for (Index k = 0; k < omega.size(); ++k) {
    a.head(n) = omega[k] * tau;
    for (Index m = 0; m < padded; m += kVecWidth) evaluate(rule, &a[m], &real[m], &imag[m]);
    result.real.row(k) = real.head(n);
    result.imag.row(k) = imag.head(n);
  }
  if (!result.real.allFinite() || !result.imag.allFinite()) throw InvalidInput("frequencies and tau are too far apart");
  return result;
}

}  // namespace drtengine
