#include "drtengine/chain.hpp"

#include "drtengine/tile.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

struct System {
  Index n, count;
  std::vector<RowMatrix> blocks;
  Vector tie;

  System(Index n_unknowns, Index n_blocks, double condition, std::uint64_t seed) : n(n_unknowns), count(n_blocks) {
    Random random(seed);
    tie = random.vector(count - 1).cwiseAbs() * 3;
    for (Index v = 0; v < count; ++v) {
      RowMatrix block = random.positive_definite(n, condition);
      const double ties = (v > 0 ? tie[v - 1] : 0) + (v + 1 < count ? tie[v] : 0);
      block.diagonal().array() += ties;
      blocks.push_back(block);
    }
  }

  Chain::FillBlock fill() const {
    return [this](Index v, RowMatrix& block) {
      for (Index i = 0; i < n; ++i) block.row(i).head(i + 1) = blocks[static_cast<std::size_t>(v)].row(i).head(i + 1);
    };
  }

  RealMatrix dense() const {
    RealMatrix H = RealMatrix::Zero(n * count, n * count);
    for (Index v = 0; v < count; ++v) {
      H.block(v * n, v * n, n, n) = blocks[static_cast<std::size_t>(v)].cast<Real>();
      if (v + 1 == count) continue;
      H.block(v * n, (v + 1) * n, n, n) = H.block((v + 1) * n, v * n, n, n) =
          -Real(tie[v]) * RealMatrix::Identity(n, n);
    }
    return H;
  }
};

TEST_CASE("the inverse of a symmetric matrix") {
  Random random(1);
  for (const Index n : {8, 16, 24, 96}) {
    CAPTURE(n);
    const RowMatrix A = random.positive_definite(n, 1e4);
    RowMatrix inverse = A;
    inverse.triangularView<Eigen::StrictlyUpper>().setConstant(std::numeric_limits<double>::quiet_NaN());
    REQUIRE(invert_symmetric(inverse));
    CHECK(inverse == inverse.transpose());
    const RealMatrix expected = A.cast<Real>().inverse();
    CHECK(distance(inverse.cast<Real>(), expected) <= 1e-11);
  }
}

TEST_CASE("a matrix that is not positive definite is refused") {
  RowMatrix A = RowMatrix::Identity(16, 16);
  A(11, 11) = -1e-3;
  CHECK_FALSE(invert_symmetric(A));
  A.setIdentity(16, 16);
  A(3, 3) = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(invert_symmetric(A));
}

TEST_CASE("a chain solves like the dense system") {
  for (const auto& [n, count] : std::vector<std::pair<Index, Index>>{{5, 1}, {8, 2}, {11, 7}, {24, 4}}) {
    CAPTURE(n);
    const System system(n, count, 1e4, 7);
    Random random(3);
    RowMatrix x = random.matrix(count, n);
    const RealMatrix b = x.cast<Real>();
    Chain chain(n, count);
    REQUIRE(chain.solve(system.tie, system.fill(), x));
    const RealVector expected =
        system.dense().inverse() * Eigen::Map<const RealVector>(RealMatrix(b.transpose()).data(), n * count);
    const RowMatrix given = x;
    const RealVector found = Eigen::Map<const Vector>(given.data(), n * count).cast<Real>();
    CHECK(distance(found, expected) <= 1e-11);
  }
}

TEST_CASE("a chain gives the blocks of the dense inverse") {
  for (const auto& [n, count] : std::vector<std::pair<Index, Index>>{{5, 1}, {8, 2}, {11, 7}, {24, 4}}) {
    CAPTURE(n);
    const System system(n, count, 1e4, 8);
    const RealMatrix inverse = system.dense().inverse();
    Chain chain(n, count);
    RowMatrix x = RowMatrix::Zero(count, n);
    REQUIRE(chain.solve(system.tie, system.fill(), x));
    std::vector<Index> order;
    const bool fine = chain.invert(system.tie, system.fill(), [&](Index v, const RowMatrix& block, double trace) {
      order.push_back(v);
      const RealMatrix own = block.topLeftCorner(n, n).cast<Real>();
      CHECK(distance(own, RealMatrix(inverse.block(v * n, v * n, n, n))) <= 1e-11);
      const Real expected = v + 1 < count ? inverse.block(v * n, (v + 1) * n, n, n).trace() : 0;
      CHECK(trace == within(expected, 1e-10, 1));
    });
    REQUIRE(fine);
    CHECK(order.size() == static_cast<std::size_t>(count));
    CHECK(order.front() == count - 1);
    CHECK(order.back() == 0);
  }
}

TEST_CASE("a chain that is not positive definite is refused") {
  System system(8, 3, 10, 9);
  system.blocks[1](4, 4) = -1;
  Chain chain(8, 3);
  RowMatrix x = RowMatrix::Zero(3, 8);
  CHECK_FALSE(chain.solve(system.tie, system.fill(), x));
}

}  // namespace
}  // namespace drtengine::testing
