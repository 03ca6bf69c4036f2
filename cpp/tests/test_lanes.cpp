#include "drtengine/lanes.hpp"

#include "support.hpp"

#include <cmath>
#include <limits>

namespace drtengine::testing {
namespace {

using Systems = std::vector<RowMatrix>;  // [lane]

Systems random_systems(Random& random, Index n) {
  Systems A;
  for (Index lane = 0; lane < kVecWidth; ++lane) A.push_back(random.positive_definite(n, 1e3));
  return A;
}

void set(LaneSystems& systems, const Systems& A) {
  const Index n = A.front().rows();
  systems.resize(n);
  for (Index lane = 0; lane < kVecWidth; ++lane) {
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) systems.entry(i, j)[lane] = A[static_cast<std::size_t>(lane)](i, j);
    }
  }
}

void set_right_side(LaneSystems& systems, const RowMatrix& b) {  // [unknown, lane]
  for (Index i = 0; i < b.rows(); ++i) Eigen::Map<Eigen::RowVectorXd>(systems.right_side(i), kVecWidth) = b.row(i);
}

RowMatrix solution(LaneSystems& systems, Index n) {  // [unknown, lane]
  RowMatrix x(n, kVecWidth);
  for (Index i = 0; i < n; ++i) x.row(i) = Eigen::Map<Eigen::RowVectorXd>(systems.right_side(i), kVecWidth);
  return x;
}

RowMatrix symmetric(LaneSystems& systems, Index n, Index lane) {  // from the lower triangle
  RowMatrix A(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) A(i, j) = A(j, i) = systems.entry(i, j)[lane];
  }
  return A;
}

std::vector<Index> sizes() {
  std::vector<Index> n{73};
  for (Index i = 1; i <= 40; ++i) n.push_back(i);
  return n;
}

TEST_CASE("solutions and inverses of every lane are Eigen's") {
  Random random(10);
  LaneSystems systems;  // the same for all sizes, downwards too
  for (const Index n : sizes()) {
    CAPTURE(n);
    const Systems A = random_systems(random, n);
    const RowMatrix b = random.matrix(n, kVecWidth);
    set(systems, A);
    CHECK(systems.size() >= n);
    set_right_side(systems, b);
    systems.factorize();
    systems.solve();
    const RowMatrix x = solution(systems, n);
    double log_det[kVecWidth];
    store(log_det, systems.log_det());
    systems.invert();
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      const RowMatrix& own = A[static_cast<std::size_t>(lane)];
      const Eigen::LLT<Eigen::MatrixXd> llt(own);
      CHECK(distance(x.col(lane), llt.solve(b.col(lane)).eval()) <= 1e-12);
      CHECK(log_det[lane] == within(2 * llt.matrixLLT().diagonal().array().log().sum(), 1e-12, 1));
      CHECK(distance(own * x.col(lane), b.col(lane)) <= 1e-13);
      CHECK(distance(symmetric(systems, n, lane), llt.solve(Eigen::MatrixXd::Identity(n, n)).eval()) <= 1e-12);
    }
  }
}

TEST_CASE("a factorisation solves for many right sides") {
  Random random(11);
  const Systems A = random_systems(random, 11);
  LaneSystems systems;
  set(systems, A);
  systems.factorize();
  for (int repetition = 0; repetition < 3; ++repetition) {
    const RowMatrix b = random.matrix(11, kVecWidth);
    set_right_side(systems, b);
    systems.solve();
    const RowMatrix x = solution(systems, 11);
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      CHECK(distance(A[static_cast<std::size_t>(lane)] * x.col(lane), b.col(lane)) <= 1e-13);
    }
  }
}

TEST_CASE("a system that is not positive definite is NaN in its lane and changes no other") {
  Random random(12);
  for (const Index n : {Index{1}, Index{2}, Index{5}, Index{8}, Index{19}}) {
    for (const Index broken_pivot : {Index{0}, n / 2, n - 1}) {
      CAPTURE(n);
      CAPTURE(broken_pivot);
      const Systems healthy = random_systems(random, n);
      const RowMatrix b = random.matrix(n, kVecWidth);
      const auto run = [&](const Systems& A) {
        LaneSystems systems;
        set(systems, A);
        set_right_side(systems, b);
        systems.factorize();
        systems.solve();
        const RowMatrix x = solution(systems, n);
        systems.invert();
        std::vector<RowMatrix> inverse;
        for (Index lane = 0; lane < kVecWidth; ++lane) inverse.push_back(symmetric(systems, n, lane));
        return std::pair(x, inverse);
      };
      const auto [x, inverse] = run(healthy);
      for (Index lane = 0; lane < kVecWidth; ++lane) {
        Systems A = healthy;
        A[static_cast<std::size_t>(lane)](broken_pivot, broken_pivot) = -1;
        const auto [x_now, inverse_now] = run(A);
        for (Index other = 0; other < kVecWidth; ++other) {
          const auto at = static_cast<std::size_t>(other);
          if (other == lane) {
            CHECK(x_now.col(other).array().isNaN().all());
            CHECK(inverse_now[at].array().isNaN().all());
          } else {
            CHECK(same_bits(x_now.col(other), x.col(other)));
            CHECK(same_bits(inverse_now[at], inverse[at]));
          }
        }
      }
    }
  }
}

TEST_CASE("the bits of a system do not depend on its lane") {
  Random random(13);
  for (const Index n : {Index{3}, Index{16}, Index{21}}) {
    const Systems one(static_cast<std::size_t>(kVecWidth), random.positive_definite(n, 1e3));
    LaneSystems systems;
    set(systems, one);
    set_right_side(systems, random.vector(n).replicate(1, kVecWidth));
    systems.factorize();
    systems.solve();
    const RowMatrix x = solution(systems, n);
    systems.invert();
    for (Index lane = 1; lane < kVecWidth; ++lane) {
      CHECK(same_bits(x.col(lane), x.col(0)));
      CHECK(same_bits(symmetric(systems, n, lane), symmetric(systems, n, 0)));
    }
  }
}

// Pools of problems fill short systems up so; the bits must not show it.
TEST_CASE("an identity that follows a system does not change its bits") {
  Random random(14);
  for (Index n = 1; n <= 12; ++n) {
    const Systems A = random_systems(random, n);
    const RowMatrix b = random.matrix(n, kVecWidth);
    const auto solve = [&](Index size) {
      Systems filled(static_cast<std::size_t>(kVecWidth), RowMatrix::Identity(size, size));
      for (std::size_t lane = 0; lane < filled.size(); ++lane) filled[lane].topLeftCorner(n, n) = A[lane];
      RowMatrix filled_b = RowMatrix::Zero(size, kVecWidth);
      filled_b.topRows(n) = b;
      LaneSystems systems;
      set(systems, filled);
      set_right_side(systems, filled_b);
      systems.factorize();
      systems.solve();
      return solution(systems, n);
    };
    const RowMatrix alone = solve(n);
    for (const Index size : {n + 1, n + 3, n + 8}) CHECK(same_bits(solve(size), alone));
  }
}

TEST_CASE_TEMPLATE("less_mask compares lane by lane, and NaN is not less", Real, double, float) {
  constexpr Index width = kLanes<Real>;
  const Real nan = std::numeric_limits<Real>::quiet_NaN();
  Real a[width], b[width];
  for (unsigned pattern = 0; pattern < 1u << width; ++pattern) {
    for (Index i = 0; i < width; ++i) {
      a[i] = static_cast<Real>(i);
      b[i] = a[i] + static_cast<Real>(pattern >> i & 1);
    }
    CHECK(less_mask(load(a), load(b)) == pattern);
  }
  CHECK(less_mask(broadcast(nan), broadcast(Real{1})) == 0);
  CHECK(less_mask(broadcast(Real{1}), broadcast(nan)) == 0);
}

TEST_CASE_TEMPLATE("what is broadcast stands in every lane, and -0 stays -0", Real, double, float) {
  Real lanes[kLanes<Real>];
  for (const Real value : {Real{3}, Real{-0.0}, std::numeric_limits<Real>::infinity()}) {
    store(lanes, broadcast(value));
    for (const Real lane : lanes) {
      CHECK(lane == value);
      CHECK(std::signbit(lane) == std::signbit(value));
    }
    store(lanes, sqrt(broadcast(value)));
    for (const Real lane : lanes) CHECK(lane == std::sqrt(value));
  }
}

TEST_CASE("transpose swaps vectors and lanes") {
  Vec v[kVecWidth];
  double lanes[kVecWidth];
  for (Index i = 0; i < kVecWidth; ++i) {
    for (Index j = 0; j < kVecWidth; ++j) lanes[j] = static_cast<double>(10 * i + j);
    v[i] = load(lanes);
  }
  transpose(v);
  for (Index i = 0; i < kVecWidth; ++i) {
    store(lanes, v[i]);
    for (Index j = 0; j < kVecWidth; ++j) CHECK(lanes[j] == static_cast<double>(10 * j + i));
  }
}

}  // namespace
}  // namespace drtengine::testing
