#include "drtengine/element_model.hpp"

#include "drtengine/elementary.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/tile.hpp"
#include "drtengine/vec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace drtengine {
namespace {

// How far beyond 1/w of the outermost points an element may have its tau, in ln tau.
constexpr double kBeyondBand = 2.5;
constexpr double kHalfPi = std::numbers::pi / 2;

// The rows of one element, each Re and Im of all points.
struct ElementRows {
  Index n;
  const double *log_omega, *weight_re, *weight_im;
  double *residual_re, *residual_im;
  std::array<double*, kPerElement> d_re, d_im;  // derivatives by ln R, ln tau, a, b
};

// q = (iw tau)^a, c = R/(1+q)^b and r = q/(1+q) give the derivatives
//   by ln R: c,  by ln tau: -abrc,  by a: -brc ln(iw tau),  by b: -c ln(1+q).
struct Point {
  double re, im;
};

// r comes times b.
DRTENGINE_INLINE void store_point(const ElementRows& rows, Index i, Point c, Point r, double a, double log_omega_tau) {
  const double rc_re = r.re * c.re - r.im * c.im, rc_im = r.re * c.im + r.im * c.re;
  const double w_re = rows.weight_re[i], w_im = rows.weight_im[i];
  rows.residual_re[i] -= w_re * c.re;
  rows.residual_im[i] -= w_im * c.im;
  rows.d_re[kLogR][i] = w_re * c.re;
  rows.d_im[kLogR][i] = w_im * c.im;
  rows.d_re[kLogTau][i] = -w_re * a * rc_re;
  rows.d_im[kLogTau][i] = -w_im * a * rc_im;
  rows.d_re[kA][i] = -w_re * (rc_re * log_omega_tau - rc_im * kHalfPi);
  rows.d_im[kA][i] = -w_im * (rc_im * log_omega_tau + rc_re * kHalfPi);
}

void add_zarc(const ElementRows& rows, double R, double log_tau, double a) {
  const double cosine = std::cos(a * kHalfPi), sine = std::sin(a * kHalfPi);
  DRTENGINE_INDEPENDENT
  for (Index i = 0; i < rows.n; ++i) {
    const double v = rows.log_omega[i] + log_tau, modulus = elementary::exp(a * v);
    const double re = 1 + modulus * cosine, im = modulus * sine;  // 1 + q
    const double inverse = 1 / (re * re + im * im);
    const double c_re = R * re * inverse, c_im = -R * im * inverse;
    const double r_re = modulus * (cosine + modulus) * inverse, r_im = im * inverse;
    store_point(rows, i, {c_re, c_im}, {r_re, r_im}, a, v);
  }
}

void add_havriliak_negami(const ElementRows& rows, double R, double log_tau, double a, double b) {
  const double cosine = std::cos(a * kHalfPi), sine = std::sin(a * kHalfPi);
  DRTENGINE_INDEPENDENT
  for (Index i = 0; i < rows.n; ++i) {
    const double v = rows.log_omega[i] + log_tau, modulus = elementary::exp(a * v);
    const double re = 1 + modulus * cosine, im = modulus * sine, square = re * re + im * im;
    const double log_re = 0.5 * elementary::log(square), log_im = elementary::angle(im, re);  // ln(1 + q)
    const double size = R * elementary::exp(-b * log_re);
    const elementary::SineCosine turn = elementary::sine_cosine(b * log_im);
    const double c_re = size * turn.cosine, c_im = -size * turn.sine;
    const double r_re = b * modulus * (cosine + modulus) / square, r_im = b * im / square;  // b q/(1+q)
    store_point(rows, i, {c_re, c_im}, {r_re, r_im}, a, v);
    rows.d_re[kB][i] = -rows.weight_re[i] * (c_re * log_re - c_im * log_im);
    rows.d_im[kB][i] = -rows.weight_im[i] * (c_re * log_im + c_im * log_re);
  }
}

}  // namespace

void ElementSum::add(Kind new_kind, double log_r, double log_tau, double a, double b) {
  kind[static_cast<std::size_t>(count)] = new_kind;
  ++count;
  at(count - 1, kLogR) = log_r;
  at(count - 1, kLogTau) = log_tau;
  at(count - 1, kA) = a;
  at(count - 1, kB) = b;
}

void ElementSum::remove(Index element) {
  for (Index k = element; k + 1 < count; ++k) {
    kind[static_cast<std::size_t>(k)] = kind[static_cast<std::size_t>(k + 1)];
    for (const ElementParameter p : {kLogR, kLogTau, kA, kB}) at(k, p) = at(k + 1, p);
  }
  --count;
}

void ElementSum::sort_by_tau() {
  std::array<Index, kMaxElements> order;
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.begin() + count,
                   [&](Index a, Index b) { return at(a, kLogTau) < at(b, kLogTau); });
  ElementSum sorted = *this;
  for (Index k = 0; k < count; ++k) {
    const Index from = order[static_cast<std::size_t>(k)];
    sorted.kind[static_cast<std::size_t>(k)] = kind[static_cast<std::size_t>(from)];
    for (const ElementParameter p : {kLogR, kLogTau, kA, kB}) sorted.at(k, p) = at(from, p);
  }
  *this = sorted;
}

ElementModel::ElementModel(ConstVectorView omega, bool inductance, bool capacitance)
    : points_(omega.size()),
      padded_(padded(omega.size())),
      inductance_(inductance),
      capacitance_(capacitance),
      log_omega_(static_cast<std::size_t>(padded_), 0.0),
      series_(RowMatrix::Zero(kSeries, 2 * padded_)) {
  if (points_ < 2) throw InvalidInput("omega must hold at least two frequencies");
  const double low = omega.minCoeff(), high = omega.maxCoeff();
  if (!(low > 0 && high < std::numeric_limits<double>::infinity() && low < high)) {
    throw InvalidInput("omega must be finite, above 0 and not all the same");
  }
  band_ = std::log(high / low);
  log_tau_low_ = -std::log(high) - kBeyondBand;
  log_tau_high_ = -std::log(low) + kBeyondBand;
  series_unit_ = {1, 1 / high, low};
  for (Index i = 0; i < points_; ++i) {
    log_omega_[static_cast<std::size_t>(i)] = std::log(omega[i]);
    series_(kRInf, i) = 1;
    series_(kInductance, imag(i)) = omega[i] / high;
    series_(kElastance, imag(i)) = -low / omega[i];
  }
}

Bounds ElementModel::bounds(Index j) const {
  if (j < kSeries) return {-HUGE_VAL, HUGE_VAL};
  switch ((j - kSeries) % kPerElement) {
    case kLogTau:
      return {log_tau_low_, log_tau_high_};
    case kA:
      return {kSmallestA, 1};
    case kB:
      return {kSmallestB, 1};
    default:
      return {-HUGE_VAL, HUGE_VAL};
  }
}

ParameterSet ElementModel::free_parameters(const ElementSum& sum) const {
  ParameterSet free;
  free[kRInf] = true;
  free[kInductance] = inductance_;
  free[kElastance] = capacitance_;
  for (Index k = 0; k < sum.count; ++k) {
    const Kind kind = sum.kind[static_cast<std::size_t>(k)];
    free[static_cast<std::size_t>(parameter(k, kLogR))] = true;
    free[static_cast<std::size_t>(parameter(k, kLogTau))] = true;
    free[static_cast<std::size_t>(parameter(k, kA))] = kind != Kind::kColeDavidson;
    free[static_cast<std::size_t>(parameter(k, kB))] = kind != Kind::kZarc;
  }
  return free;
}

void ElementModel::evaluate(const ElementSum& sum, const double* root_weight, const double* target, double* residual,
                            double* jacobian) const {
  const Index n = rows();
  Eigen::Map<Eigen::ArrayXd> rest(residual, n);
  const Eigen::Map<const Eigen::ArrayXd> weight(root_weight, n);
  rest = Eigen::Map<const Eigen::ArrayXd>(target, n);
  const std::array<bool, kSeries> in_use{true, inductance_, capacitance_};
  for (Index j = 0; j < kSeries; ++j) {
    if (!in_use[static_cast<std::size_t>(j)]) continue;
    Eigen::Map<Eigen::ArrayXd> column(jacobian + j * n, n);
    column = series_.row(j).transpose().array() * weight;
    rest -= sum.value[static_cast<std::size_t>(j)] * column;
  }
  for (Index k = 0; k < sum.count; ++k) {
    ElementRows rows{padded_,  log_omega_.data(),  root_weight, root_weight + padded_,
                     residual, residual + padded_, {},          {}};
    for (Index p = 0; p < kPerElement; ++p) {
      rows.d_re[static_cast<std::size_t>(p)] = jacobian + parameter(k, p) * n;
      rows.d_im[static_cast<std::size_t>(p)] = jacobian + parameter(k, p) * n + padded_;
    }
    const double R = std::exp(sum.at(k, kLogR));
    if (sum.kind[static_cast<std::size_t>(k)] == Kind::kZarc) {
      add_zarc(rows, R, sum.at(k, kLogTau), sum.at(k, kA));
    } else {
      add_havriliak_negami(rows, R, sum.at(k, kLogTau), sum.at(k, kA), sum.at(k, kB));
    }
  }
}

}  // namespace drtengine
