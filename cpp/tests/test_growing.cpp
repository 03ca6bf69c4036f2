#include "drtengine/growing.hpp"

#include "support.hpp"

#include <array>
#include <cmath>
#include <limits>

namespace drtengine::testing {
namespace {

// One lane's share: a matrix that grows from `start` rows, with unknowns that are taken out again.
struct Growth {
  RowMatrix A;
  Vector b;
  Index start;
  std::vector<Index> rows;  // of the systems, for each unknown

  Index size() const { return A.rows(); }
};

template <class Real>
using Lanes = std::array<Growth, kLanes<Real>>;

// Rounding in units of that of doubles.
template <class Real>
constexpr double kCoarser = std::numeric_limits<Real>::epsilon() / std::numeric_limits<double>::epsilon();

template <class Real>
void set_row(GrowingSystems<Real>& systems, std::size_t lane, Growth& own, Index i, Index at) {
  for (Index j = 0; j < i; ++j)
    systems.entry(at, own.rows[static_cast<std::size_t>(j)])[lane] = static_cast<Real>(own.A(i, j));
  systems.entry(at, at)[lane] = static_cast<Real>(own.A(i, i));
  systems.right_side(at)[lane] = static_cast<Real>(own.b[i]);
  own.rows.push_back(at);
}

template <class Real>
void start(GrowingSystems<Real>& systems, Lanes<Real>& lanes, Index rows) {
  systems.start(rows);
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    for (Index i = 0; i < lanes[lane].start; ++i) set_row(systems, lane, lanes[lane], i, i);
    for (Index i = lanes[lane].start; i < rows; ++i) {
      for (Index j = 0; j <= i; ++j) systems.entry(i, j)[lane] = i == j ? 1 : 0;
      systems.right_side(i)[lane] = 0;
    }
  }
  systems.factorize();
}

template <class Real>
Vector solution(const GrowingSystems<Real>& systems, std::size_t lane, const Growth& own) {
  Vector x(static_cast<Index>(own.rows.size()));
  for (Index i = 0; i < x.size(); ++i) x[i] = systems.solution(own.rows[static_cast<std::size_t>(i)])[lane];
  return x;
}

template <class Real>
Lanes<Real> random_growths(Random& random, Index longest) {
  Lanes<Real> lanes;
  for (Index lane = 0; lane < kLanes<Real>; ++lane) {
    Growth& own = lanes[static_cast<std::size_t>(lane)];
    own.start = longest - lane;
    own.A = random.positive_definite(own.start + lane % 6, 1e3);  // up to five rows more
    own.b = random.matrix(own.size(), 1);
  }
  return lanes;
}

template <class Real>
void grow(GrowingSystems<Real>& systems, Lanes<Real>& lanes) {
  const Index at = systems.size();
  systems.grow(5);
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    for (Index i = lanes[lane].start; i < lanes[lane].size(); ++i) {
      set_row(systems, lane, lanes[lane], i, at + i - lanes[lane].start);
    }
  }
  systems.factorize();
}

TEST_CASE_TEMPLATE("rows that were added later make the same system", Real, double, float) {
  Random random(20);
  GrowingSystems<Real> systems;
  for (const Index longest : {9, 30, 12}) {
    auto lanes = random_growths<Real>(random, longest);
    start(systems, lanes, longest);
    grow(systems, lanes);
    systems.solve();
    for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
      const Growth& own = lanes[lane];
      const Eigen::LLT<Eigen::MatrixXd> llt(own.A);
      CHECK(distance(solution(systems, lane, own), llt.solve(own.b).eval()) <= 1e-12 * kCoarser<Real>);
      CHECK(systems.log_det(lane) ==
            within(2 * llt.matrixLLT().diagonal().array().log().sum(), 1e-12 * kCoarser<Real>, 1));
    }
  }
}

TEST_CASE_TEMPLATE("a bound takes an unknown out, and a row of its own brings it back", Real, double, float) {
  Random random(21);
  auto lanes = random_growths<Real>(random, 16);
  GrowingSystems<Real> systems;
  start(systems, lanes, 16);
  grow(systems, lanes);

  const Index bound = systems.size();
  systems.grow(1);
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    systems.entry(bound, 2)[lane] = 1;
    systems.entry(bound, bound)[lane] = 0;
    systems.sign(bound)[lane] = -1;
  }
  systems.factorize();
  systems.solve();
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    const Growth& own = lanes[lane];
    std::vector<Index> others;
    for (Index i = 0; i < own.size(); ++i) {
      if (i != 2) others.push_back(i);
    }
    const Eigen::LLT<Eigen::MatrixXd> llt(own.A(others, others));
    const Vector x = solution(systems, lane, own);
    CHECK(distance(x(others), llt.solve(own.b(others)).eval()) <= 1e-11 * kCoarser<Real>);
    CHECK(std::abs(x[2]) <= 1e-12 * kCoarser<Real> * x.cwiseAbs().maxCoeff());
    CHECK(systems.log_det(lane) ==
          within(2 * llt.matrixLLT().diagonal().array().log().sum(), 1e-11 * kCoarser<Real>, 1));
  }

  const Index back = systems.size();
  systems.grow(1);
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    Growth& own = lanes[lane];
    for (Index i = 0; i < own.size(); ++i)
      systems.entry(back, own.rows[static_cast<std::size_t>(i)])[lane] = static_cast<Real>(own.A(2, i));
    systems.entry(back, back)[lane] = static_cast<Real>(own.A(2, 2));
    systems.right_side(back)[lane] = static_cast<Real>(own.b[2]);
    own.rows[2] = back;
  }
  systems.factorize();
  systems.solve();
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    const Growth& own = lanes[lane];
    CHECK(distance(solution(systems, lane, own), own.A.llt().solve(own.b).eval()) <= 1e-11 * kCoarser<Real>);
  }
}

TEST_CASE_TEMPLATE("a lane's bits do not depend on the length of its neighbours", Real, double, float) {
  Random random(22);
  auto lanes = random_growths<Real>(random, 13);
  auto alone = lanes;
  GrowingSystems<Real> systems, longer;
  start(systems, lanes, 13);
  grow(systems, lanes);
  systems.solve();
  start(longer, alone, 22);
  grow(longer, alone);
  longer.solve();
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    CHECK(solution(systems, lane, lanes[lane]) == solution(longer, lane, alone[lane]));
    CHECK(systems.log_det(lane) == longer.log_det(lane));
  }
}

TEST_CASE_TEMPLATE("a sign that is wrong is NaN in its own lane", Real, double, float) {
  Random random(23);
  auto lanes = random_growths<Real>(random, 10);
  lanes[1].A.diagonal() *= -1;
  GrowingSystems<Real> systems;
  start(systems, lanes, 10);
  grow(systems, lanes);
  systems.solve();
  for (std::size_t lane = 0; lane < kLanes<Real>; ++lane) {
    CHECK(solution(systems, lane, lanes[lane]).allFinite() == (lane != 1));
  }
}

}  // namespace
}  // namespace drtengine::testing
