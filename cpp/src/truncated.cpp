#include "drtengine/truncated.hpp"

#include "drtengine/errors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace drtengine {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kQuarter = std::numbers::pi / 2;  // of an ellipse in a move
constexpr Index kMostReflections = 200'000;        // in a move
constexpr std::size_t kWidth = 8;                  // minima kept side by side, for the compiler to make vectors of

}  // namespace

TruncatedNormal::TruncatedNormal(const Vector& mean, const RowMatrix& H, Index n_constrained)
    : n_(mean.size()), n_constrained_(n_constrained), mean_(mean), x_(mean), v_(mean), before_(mean) {
  const Cholesky factor(H);
  if (!factor.succeeded()) throw NotPositiveDefinite("the precision of a normal distribution is not positive definite");
  covariance_ = factor.inverse();
  factor_ = factor.solve_upper(Matrix::Identity(n_, n_));
  arrival_ = Vector::Constant(
      (n_constrained + static_cast<Index>(kWidth) - 1) / static_cast<Index>(kWidth) * static_cast<Index>(kWidth),
      kNever);
}

void TruncatedNormal::start(const Vector& x) {
  x_ = x;
  x_.head(n_constrained_) = x_.head(n_constrained_).cwiseMax(0);
}

void TruncatedNormal::draw_velocity(RandomStream& random) {
  Vector normal(n_);
  random.fill_normal(normal.data(), n_);
  v_.noalias() = factor_ * normal;
}

void TruncatedNormal::advance(RandomStream& random) {
  draw_velocity(random);
  before_ = x_;
  double left = kQuarter;
  for (Index count = 0; count < kMostReflections; ++count) {
    double half_tangent = std::tan(left / 2);
    const Index wall = next_wall(half_tangent);
    move(half_tangent);
    if (wall < 0) return;
    left = std::max(left - 2 * std::atan(half_tangent), 0.0);
    reflect(wall);
    ++reflections_;
  }
  x_ = before_;
  ++given_up_;
}

// The wall that is met first, if before tan(t/2) = half_tangent, which becomes that of the meeting; else -1.
//
// Along a wall x = mean + v sin t + (x - mean) cos t. With T = tan(t/2) this is zero where
// (2 mean - x) T^2 + 2 v T + x = 0; of the two roots x / (-v +- sqrt(v^2 - (2 mean - x) x)) the one with + comes first.
// A particle that stands on the wall and leaves it, having been reflected there, meets it again at the other root.
Index TruncatedNormal::next_wall(double& half_tangent) {
  for (Index i = 0; i < n_constrained_; ++i) {
    const double x = x_[i], v = v_[i], a = 2 * mean_[i] - x;
    const double square = v * v - a * x;
    const double slope = std::sqrt(std::max(square, 0.0)) - v;
    const double first = square >= 0 && slope > 0 ? x / slope : kNever;
    const double again = a < 0 ? -2 * v / a : kNever;
    arrival_[i] = x == 0 && v >= 0 ? again : first;
  }
  std::array<double, kWidth> least;
  least.fill(half_tangent);
  const double* arrival = arrival_.data();
  for (Index i = 0; i < arrival_.size(); i += static_cast<Index>(kWidth)) {
    for (std::size_t k = 0; k < kWidth; ++k) least[k] = arrival[k] < least[k] ? arrival[k] : least[k];
    arrival += kWidth;
  }
  const double first = *std::ranges::min_element(least);
  if (!(first < half_tangent)) return -1;
  half_tangent = first;
  return std::ranges::find(arrival_, first) - arrival_.begin();
}

void TruncatedNormal::move(double half_tangent) {
  const double T = half_tangent, sine = 2 * T / (1 + T * T), cosine = (1 - T * T) / (1 + T * T);
  for (Index i = 0; i < n_; ++i) {
    const double away = x_[i] - mean_[i], v = v_[i];
    x_[i] = mean_[i] + v * sine + away * cosine;
    v_[i] = v * cosine - away * sine;
  }
  for (Index i = 0; i < n_constrained_; ++i) x_[i] = std::max(x_[i], 0.0);  // rounding
}

void TruncatedNormal::reflect(Index wall) {
  x_[wall] = 0;
  const double* column = covariance_.data() + wall * n_;
  const double twice = 2 * std::min(v_[wall], 0.0) / column[wall];
  for (Index i = 0; i < n_; ++i) v_[i] -= twice * column[i];
}

}  // namespace drtengine
