#include "drtengine/growing.hpp"

#include "support.hpp"

#include <array>
#include <cmath>

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

void set_row(GrowingSystems& systems, std::size_t lane, Growth& own, Index i, Index at) {
  for (Index j = 0; j < i; ++j) systems.entry(at, own.rows[static_cast<std::size_t>(j)])[lane] = own.A(i, j);
  systems.entry(at, at)[lane] = own.A(i, i);
  systems.right_side(at)[lane] = own.b[i];
  own.rows.push_back(at);
}

void start(GrowingSystems& systems, std::array<Growth, kVecWidth>& lanes, Index rows) {
  systems.start(rows);
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    for (Index i = 0; i < lanes[lane].start; ++i) set_row(systems, lane, lanes[lane], i, i);
    for (Index i = lanes[lane].start; i < rows; ++i) {
      for (Index j = 0; j <= i; ++j) systems.entry(i, j)[lane] = i == j ? 1 : 0;
      systems.right_side(i)[lane] = 0;
    }
  }
  systems.factorize();
}

Vector solution(const GrowingSystems& systems, std::size_t lane, const Growth& own) {
  Vector x(static_cast<Index>(own.rows.size()));
  for (Index i = 0; i < x.size(); ++i) x[i] = systems.solution(own.rows[static_cast<std::size_t>(i)])[lane];
  return x;
}

std::array<Growth, kVecWidth> random_growths(Random& random, Index longest) {
  std::array<Growth, kVecWidth> lanes;
  for (Index lane = 0; lane < kVecWidth; ++lane) {
    Growth& own = lanes[static_cast<std::size_t>(lane)];
    own.start = longest - lane;
    own.A = random.positive_definite(own.start + lane % 6, 1e3);  // up to five rows more
    own.b = random.matrix(own.size(), 1);
  }
  return lanes;
}

void grow(GrowingSystems& systems, std::array<Growth, kVecWidth>& lanes) {
  const Index at = systems.size();
  systems.grow(5);
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    for (Index i = lanes[lane].start; i < lanes[lane].size(); ++i) {
      set_row(systems, lane, lanes[lane], i, at + i - lanes[lane].start);
    }
  }
  systems.factorize();
}

TEST_CASE("rows that were added later make the same system") {
  Random random(20);
  GrowingSystems systems;
  for (const Index longest : {9, 30, 12}) {
    auto lanes = random_growths(random, longest);
    start(systems, lanes, longest);
    grow(systems, lanes);
    systems.solve();
    for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
      const Growth& own = lanes[lane];
      const Eigen::LLT<Eigen::MatrixXd> llt(own.A);
      CHECK(distance(solution(systems, lane, own), llt.solve(own.b).eval()) <= 1e-12);
      CHECK(systems.log_det(lane) == within(2 * llt.matrixLLT().diagonal().array().log().sum(), 1e-12, 1));
    }
  }
}

TEST_CASE("a bound takes an unknown out, and a row of its own brings it back") {
  Random random(21);
  auto lanes = random_growths(random, 16);
  GrowingSystems systems;
  start(systems, lanes, 16);
  grow(systems, lanes);

  const Index bound = systems.size();
  systems.grow(1);
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    systems.entry(bound, 2)[lane] = 1;
    systems.entry(bound, bound)[lane] = 0;
    systems.sign(bound)[lane] = -1;
  }
  systems.factorize();
  systems.solve();
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    const Growth& own = lanes[lane];
    std::vector<Index> others;
    for (Index i = 0; i < own.size(); ++i) {
      if (i != 2) others.push_back(i);
    }
    const Eigen::LLT<Eigen::MatrixXd> llt(own.A(others, others));
    const Vector x = solution(systems, lane, own);
    CHECK(distance(x(others), llt.solve(own.b(others)).eval()) <= 1e-11);
    CHECK(std::abs(x[2]) <= 1e-12 * x.cwiseAbs().maxCoeff());
    CHECK(systems.log_det(lane) == within(2 * llt.matrixLLT().diagonal().array().log().sum(), 1e-11, 1));
  }

  const Index back = systems.size();
  systems.grow(1);
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    Growth& own = lanes[lane];
    for (Index i = 0; i < own.size(); ++i)
      systems.entry(back, own.rows[static_cast<std::size_t>(i)])[lane] = own.A(2, i);
    systems.entry(back, back)[lane] = own.A(2, 2);
    systems.right_side(back)[lane] = own.b[2];
    own.rows[2] = back;
  }
  systems.factorize();
  systems.solve();
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    const Growth& own = lanes[lane];
    CHECK(distance(solution(systems, lane, own), own.A.llt().solve(own.b).eval()) <= 1e-11);
  }
}

TEST_CASE("a lane's bits do not depend on the length of its neighbours") {
  Random random(22);
  auto lanes = random_growths(random, 13);
  auto alone = lanes;
  GrowingSystems systems, longer;
  start(systems, lanes, 13);
  grow(systems, lanes);
  systems.solve();
  start(longer, alone, 22);
  grow(longer, alone);
  longer.solve();
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    CHECK(solution(systems, lane, lanes[lane]) == solution(longer, lane, alone[lane]));
    CHECK(systems.log_det(lane) == longer.log_det(lane));
  }
}

TEST_CASE("a sign that is wrong is NaN in its own lane") {
  Random random(23);
  auto lanes = random_growths(random, 10);
  lanes[1].A.diagonal() *= -1;
  GrowingSystems systems;
  start(systems, lanes, 10);
  grow(systems, lanes);
  systems.solve();
  for (std::size_t lane = 0; lane < kVecWidth; ++lane) {
    CHECK(solution(systems, lane, lanes[lane]).allFinite() == (lane != 1));
  }
}

}  // namespace
}  // namespace drtengine::testing
