#include "drtengine/qp.hpp"

#include "drtengine/monotone.hpp"
#include "support.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace drtengine::testing {
namespace {

// min x'Hx/2 - g'x with x_i >= 0 for the first n_constrained.
struct Problem {
  RowMatrix H;
  Vector g;
  Index n_constrained;

  RowMatrix inverse() const {  // rows padded as PivotPool wants them
    RowMatrix G = RowMatrix::Zero(H.rows(), padded(H.rows()));
    G.leftCols(H.rows()) = H.llt().solve(Eigen::MatrixXd::Identity(H.rows(), H.rows()));
    return G;
  }
};

// Entries as PivotPool wants them.
Vector with_padding(const Vector& x) {
  Vector padded_x = Vector::Zero(padded(x.size()));
  padded_x.head(x.size()) = x;
  return padded_x;
}

std::vector<Index> list(std::span<const Index> set) { return {set.begin(), set.end()}; }

// Minimum over the unknowns in `passive`, the others zero.
Vector minimum_over(const RowMatrix& H, const Vector& g, const std::vector<Index>& passive) {
  Vector x = Vector::Zero(g.size());
  if (!passive.empty()) x(passive) = H(passive, passive).llt().solve(g(passive)).eval();
  return x;
}

// By how much x misses feasibility and optimality; both terms in units of x.
double violation(const Problem& p, const Vector& x) {
  const Vector rise = (p.g - p.H * x).cwiseQuotient(p.H.diagonal());
  double worst = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const bool at_zero = i < p.n_constrained && x[i] == 0;
    worst = std::max(worst, at_zero ? rise[i] : std::abs(rise[i]));
    if (i < p.n_constrained) worst = std::max(worst, -x[i]);
  }
  return worst;
}

// The solution by trying every set of zeros.
Vector enumerate(const Problem& p) {
  Vector best;
  double smallest = std::numeric_limits<double>::infinity();
  for (unsigned zeros = 0; zeros < 1u << p.n_constrained; ++zeros) {
    std::vector<Index> passive;
    for (Index i = 0; i < p.g.size(); ++i) {
      if (i >= p.n_constrained || (zeros >> i & 1) == 0) passive.push_back(i);
    }
    const Vector x = minimum_over(p.H, p.g, passive);
    if (violation(p, x) < smallest) {
      smallest = violation(p, x);
      best = x;
    }
  }
  return best;
}

// A positive pull on most unknowns, as data of a distribution have it, or on half of them.
Problem random_problem(Random& random, Index n, Index n_constrained, double condition) {
  const RowMatrix H = random.positive_definite(n, condition);
  const double low = random.uniform(0, 1) < 0.5 ? -1 : -0.2;
  const Vector target = Vector::NullaryExpr(n, [&] { return random.uniform(low, 1); });
  return {H, H * target, n_constrained};
}

struct Answer {
  RowMatrix x;  // [problem, unknown]
  PoolMask solved;
  std::vector<std::vector<Index>> active;
};

constexpr Side kSides[] = {Side::kZeros, Side::kPositive};
constexpr PivotTolerance kTight{1e-13, 1e-13};

Answer solve_pool(const std::vector<Problem>& pool, Side side = Side::kZeros) {
  const Index n = pool.front().g.size(), count = static_cast<Index>(pool.size());
  std::vector<RowMatrix> matrices;
  PivotPool<double>::Matrices pointers;
  RowMatrix y = RowMatrix::Zero(count, padded(n));
  PivotPool<double> solver(n, pool.front().n_constrained, side);
  for (Index i = 0; i < count; ++i) {
    const Problem& p = pool[static_cast<std::size_t>(i)];
    const RowMatrix G = p.inverse();
    const Vector unconstrained = G.leftCols(n) * p.g;
    solver.guess_from(i, with_padding(unconstrained).data());
    RowMatrix H = RowMatrix::Zero(n, padded(n));
    H.leftCols(n) = p.H;
    matrices.push_back(side == Side::kZeros ? G : H);
    y.row(i).head(n) = side == Side::kZeros ? unconstrained : -p.g;
  }
  for (const RowMatrix& m : matrices) pointers.push_back(m.data());
  Answer answer;
  answer.solved = solver.solve(pointers, y.data(), std::vector(pool.size(), kTight), pool_mask(count));
  answer.x = RowMatrix::Zero(count, n);
  for (Index i = 0; i < count; ++i) {
    std::vector<Index> zeros = list(solver.set(i));
    if (side == Side::kZeros) {
      answer.x.row(i) = y.row(i).head(n);
    } else {
      zeros.clear();
      for (Index j = 0; j < n; ++j) {
        if (!std::ranges::count(solver.set(i), j)) zeros.push_back(j);
      }
      for (std::size_t k = 0; k < solver.set(i).size(); ++k) answer.x(i, solver.set(i)[k]) = solver.values(i)[k];
    }
    answer.active.push_back(zeros);
  }
  return answer;
}

Vector solve_alone(const Problem& p, Vector x, bool& converged) {
  const auto gradient = [&](const Vector& at) -> Vector { return p.g - p.H * at; };
  converged = solve_monotone(p.H, p.n_constrained, gradient, x);
  return x;
}

TEST_CASE("small problems: both solvers find what trying every active set finds") {
  Random random(30);
  for (Index n = 1; n <= 8; ++n) {
    for (Index n_constrained = 0; n_constrained <= n; ++n_constrained) {
      CAPTURE(n);
      CAPTURE(n_constrained);
      std::vector<Problem> pool;
      for (int i = 0; i < 12; ++i) pool.push_back(random_problem(random, n, n_constrained, 100));
      const Answer answer = solve_pool(pool), other_side = solve_pool(pool, Side::kPositive);
      CHECK(answer.solved == pool_mask(12));
      CHECK(other_side.solved == pool_mask(12));
      for (Index i = 0; i < 12; ++i) {
        const Problem& p = pool[static_cast<std::size_t>(i)];
        const Vector expected = enumerate(p);
        REQUIRE(violation(p, expected) <= 1e-12);
        CHECK(distance(answer.x.row(i).transpose(), expected) <= 1e-11);
        CHECK(distance(other_side.x.row(i).transpose(), expected) <= 1e-11);
        for (const Index a : answer.active[static_cast<std::size_t>(i)]) {
          CHECK(a < n_constrained);
          CHECK(answer.x(i, a) == 0);
        }
        bool converged = false;
        const Vector monotone = solve_alone(p, random.vector(n), converged);
        CHECK(converged);
        CHECK(distance(monotone, expected) <= 1e-11);
      }
    }
  }
}

TEST_CASE("73 unknowns: optimality, and the same answer from both solvers") {
  Random random(31);
  std::vector<Problem> pool;
  for (Index i = 0; i < kPool; ++i) pool.push_back(random_problem(random, 73, 70, 1e3));
  const Answer answer = solve_pool(pool), other_side = solve_pool(pool, Side::kPositive);
  CHECK(answer.solved == ~PoolMask{0});
  CHECK(other_side.solved == ~PoolMask{0});
  CHECK(answer.active == other_side.active);
  CHECK(distance(answer.x, other_side.x) <= 1e-9);
  std::size_t most_zeros = 0, fewest_zeros = 73;
  for (Index i = 0; i < kPool; ++i) {
    const Problem& p = pool[static_cast<std::size_t>(i)];
    const Vector x = answer.x.row(i);
    CHECK(violation(p, x) <= 1e-10 * largest(x));
    const auto& active = answer.active[static_cast<std::size_t>(i)];
    CHECK(std::ranges::is_sorted(active));
    for (Index j = 0; j < 70; ++j) CHECK((x[j] == 0) == std::ranges::binary_search(active, j));
    most_zeros = std::max(most_zeros, active.size());
    fewest_zeros = std::min(fewest_zeros, active.size());

    bool converged = false;
    const Vector monotone = solve_alone(p, Vector::Zero(73), converged);
    CHECK(converged);
    CHECK(violation(p, monotone) <= 1e-10 * largest(x));
    CHECK(distance(monotone, x) <= 1e-9);
  }
  CHECK(fewest_zeros < 25);  // the pool is a mixed one
  CHECK(most_zeros > 30);
}

TEST_CASE("no problem's bits depend on its pool") {
  for (const Side side : kSides) {
    CAPTURE(static_cast<int>(side));
    Random random(32);
    std::vector<Problem> problems;
    for (Index i = 0; i < kPool; ++i) problems.push_back(random_problem(random, 21, 19, 1e3));
    const Answer together = solve_pool(problems, side);
    for (std::size_t count = 1; count <= problems.size(); ++count) {
      CAPTURE(count);
      const std::vector<Problem> last(problems.end() - static_cast<std::ptrdiff_t>(count), problems.end());
      const Answer some = solve_pool(last, side);
      CHECK(some.solved == pool_mask(static_cast<Index>(count)));
      CHECK(same_bits(some.x, together.x.bottomRows(static_cast<Index>(count))));
    }
    std::ranges::reverse(problems);
    CHECK(same_bits(solve_pool(problems, side).x, together.x.colwise().reverse()));
  }
}

TEST_CASE("a problem of NaN leaves the others alone") {
  for (const Side side : kSides) {
    CAPTURE(static_cast<int>(side));
    Random random(33);
    std::vector<Problem> pool;
    for (Index i = 0; i < 11; ++i) pool.push_back(random_problem(random, 21, 19, 1e3));
    const Answer healthy = solve_pool(pool, side);
    pool[4].g.setConstant(std::nan(""));
    const Answer answer = solve_pool(pool, side);
    CHECK(!(contains(answer.solved, 4) && answer.x.row(4).allFinite()));
    for (Index i = 0; i < 11; ++i) {
      if (i == 4) continue;
      CHECK(contains(answer.solved, i));
      CHECK(same_bits(answer.x.row(i), healthy.x.row(i)));
    }
  }
}

TEST_CASE("all zero, none zero, nothing to fit") {
  const RowMatrix H = RowMatrix::Identity(9, 9) * 2;
  const Vector push = Vector::LinSpaced(9, 1, 9);
  for (const Side side : kSides) {
    CAPTURE(static_cast<int>(side));
    const Answer answer = solve_pool({{H, -push, 9}, {H, push, 9}, {H, Vector::Zero(9), 9}}, side);
    CHECK(answer.solved == pool_mask(3));
    CHECK(answer.x.row(0).isZero(0));
    CHECK(answer.active[0].size() == 9);
    CHECK(answer.x.row(1).transpose().isApprox(push / 2, 1e-15));
    CHECK(answer.active[1].empty());
    CHECK(answer.x.row(2).isZero(0));
  }
}

TEST_CASE("without constraints x stays the unconstrained solution") {
  Random random(34);
  const Problem p = random_problem(random, 13, 0, 1e3);
  const Answer answer = solve_pool({p});
  CHECK(answer.solved == 1);
  CHECK(same_bits(answer.x.row(0), (p.inverse().leftCols(13) * p.g).transpose()));
}

TEST_CASE("a solver forgets its last pool") {
  Random random(35);
  const Problem p = random_problem(random, 21, 19, 1e3);
  const RowMatrix G = p.inverse();
  PivotPool<double> solver(21, 19, Side::kZeros);
  CHECK(solver.set(0).empty());
  const auto solve = [&](const Vector& g) {
    RowMatrix x = RowMatrix::Zero(1, padded(21));
    x.row(0).head(21) = G.leftCols(21) * g;
    solver.guess_from(0, x.data());
    CHECK(solver.solve({G.data()}, x.data(), {kTight}, 1) == 1);
    return x;
  };
  const RowMatrix first = solve(p.g);
  solve(-p.g);
  CHECK(same_bits(solve(p.g), first));
}

TEST_CASE("a bad first guess costs rounds, not the answer") {
  Random random(39);
  const Problem p = random_problem(random, 30, 28, 1e3);
  RowMatrix H = RowMatrix::Zero(30, padded(30));
  H.leftCols(30) = p.H;
  const Vector expected = solve_pool({p}).x.row(0);
  for (const double sign : {-1.0, 1.0}) {
    PivotPool<double> solver(30, 28, Side::kPositive);
    solver.guess_from(0, with_padding(Vector::Constant(30, sign)).data());
    RowMatrix y = RowMatrix::Zero(1, padded(30));
    y.row(0).head(30) = -p.g;
    REQUIRE(solver.solve({H.data()}, y.data(), {kTight}, 1) == 1);
    Vector x = Vector::Zero(30);
    for (std::size_t k = 0; k < solver.set(0).size(); ++k) x[solver.set(0)[k]] = solver.values(0)[k];
    CHECK(distance(x, expected) <= 1e-9);
  }
}

TEST_CASE("determinants on the set, from either side") {
  Random random(41);
  const Index n = 30, n_constrained = 28;
  const Problem p = random_problem(random, n, n_constrained, 1e3);
  const RowMatrix G = p.inverse();
  RowMatrix H = RowMatrix::Zero(n, padded(n));
  H.leftCols(n) = p.H;
  PivotPool<double> zeros(n, n_constrained, Side::kZeros, true), positive(n, n_constrained, Side::kPositive, true);
  RowMatrix x = RowMatrix::Zero(1, padded(n)), y = x;
  x.row(0).head(n) = G.leftCols(n) * p.g;
  zeros.guess_from(0, x.data());
  REQUIRE(zeros.solve({G.data()}, x.data(), {kTight}, 1) == 1);
  positive.guess_from(0, zeros);
  y.row(0).head(n) = -p.g;
  REQUIRE(positive.solve({H.data()}, y.data(), {kTight}, 1) == 1);

  const auto log_det = [](const RowMatrix& m) {
    return 2 * Eigen::LLT<Eigen::MatrixXd>(m).matrixLLT().diagonal().array().log().sum();
  };
  const double passive = log_det(p.H(list(positive.set(0)), list(positive.set(0))));
  CHECK(positive.log_det(0) == within(passive, 1e-10, 1));
  CHECK(log_det(p.H) + zeros.log_det(0) == within(passive, 1e-10, 1));
  double other;
  zeros.log_dets({H.data()}, 1, &other);
  CHECK(other == within(log_det(p.H(list(zeros.set(0)), list(zeros.set(0)))), 1e-10, 1));

  PivotPool<double> back(n, n_constrained, Side::kZeros);
  back.guess_from(0, positive);
  CHECK(list(back.set(0)) == list(zeros.set(0)));
  zeros.guess_from(0, with_padding(Vector::Ones(n)).data());
  zeros.log_dets({H.data()}, 1, &other);
  CHECK(other == 0);
}

TEST_CASE("a guess is raw until a pool has worked on it") {
  Random random(43);
  const Index n = 12;
  const Problem p = random_problem(random, n, n, 1e2);
  const RowMatrix G = p.inverse();
  RowMatrix x = RowMatrix::Zero(1, padded(n));
  x.row(0).head(n) = G.leftCols(n) * p.g;
  PivotPool<double> pool(n, n, Side::kZeros);
  PivotPool<float> other(n, n, Side::kZeros);
  pool.guess_from(0, x.data());
  other.guess_from(0, pool);
  CHECK(pool.raw() == 1);
  CHECK(other.raw() == 1);
  REQUIRE(pool.solve({G.data()}, x.data(), {kTight}, 1) == 1);
  other.guess_from(0, pool);
  CHECK(pool.raw() == 0);
  CHECK(other.raw() == 0);
}

TEST_CASE("values on the sets as they are: the Newton step among the unknowns that are not zero") {
  Random random(36);
  const Index n = 30, n_constrained = 28, stride = padded(n);
  PivotPool<double> solver(n, n_constrained, Side::kPositive);
  std::vector<Problem> pool;
  std::vector<RowMatrix> matrices;
  PivotPool<double>::Matrices pointers;
  RowMatrix r = RowMatrix::Zero(10, stride);
  for (Index i = 0; i < 10; ++i) {
    pool.push_back(random_problem(random, n, n_constrained, 1e3));
    matrices.push_back(RowMatrix::Zero(n, stride));
    matrices.back().leftCols(n) = pool.back().H;
    solver.guess_from(i, with_padding(random.vector(n)).data());
    r.row(i).head(n) = random.vector(n);
  }
  for (const RowMatrix& m : matrices) pointers.push_back(m.data());
  const PoolMask problems = pool_mask(10) & ~pool_bit(3);
  int calls = 0;
  RowMatrix q = -r * 3;  // first for others
  solver.solve_values(pointers, q.data(), problems, [&](std::span<const Index> some) {
    for (const Index i : some) q.row(i) = -r.row(i);
    return calls++ % 2 == 0;
  });
  CHECK(calls == 2 * ((9 + kVecWidth - 1) / kVecWidth));
  for (Index i = 0; i < 10; ++i) {
    if (!contains(problems, i)) continue;
    Vector step = Vector::Zero(n);
    for (std::size_t k = 0; k < solver.set(i).size(); ++k) step[solver.set(i)[k]] = solver.values(i)[k];
    const Vector right = r.row(i).head(n);
    CHECK(distance(step, minimum_over(pool[static_cast<std::size_t>(i)].H, right, list(solver.set(i)))) <= 1e-11);
  }
}

TEST_CASE("guesses in single precision are the sets that double precision finds") {
  Random random(43);
  const Index n = 73, n_constrained = 70;
  std::vector<Problem> pool;
  std::vector<RowMatrix> inverses;
  std::vector<std::vector<float>> rounded;
  PivotPool<float>::Matrices pointers;
  PivotPool<double> zeros(n, n_constrained, Side::kZeros);
  RoughPivots rough(n, n_constrained, Side::kZeros);
  RowMatrix x = RowMatrix::Zero(kPool, padded(n));
  for (Index i = 0; i < kPool; ++i) {
    pool.push_back(random_problem(random, n, n_constrained, 1e3));
    const double unit = std::pow(10.0, i - 32);  // beyond what single precision can hold
    inverses.push_back(pool.back().inverse() * unit);
    rounded.emplace_back(static_cast<std::size_t>(n * padded<float>(n)));
    round_matrix(inverses.back().data(), n, rounded.back().data());
    x.row(i).head(n) = inverses.back().leftCols(n) * pool.back().g * unit;
    zeros.guess_from(i, &x(i, 0));
  }
  for (const auto& m : rounded) pointers.push_back(m.data());
  const Answer answer = solve_pool(pool);
  const PoolMask problems = ~pool_bit(5);
  const std::vector<Index> untouched = list(zeros.set(5));
  rough.improve_guesses(zeros, pointers, x.data(), problems);
  int different = 0;
  for_each(problems, [&](Index i) { different += list(zeros.set(i)) != answer.active[static_cast<std::size_t>(i)]; });
  CHECK(different <= 1);  // where a multiplier or an unknown happens to be next to nothing
  CHECK(list(zeros.set(5)) == untouched);
}

TEST_CASE("guesses in single precision survive NaN, zeros and matrices close to singular") {
  Random random(44);
  const Index n = 21, n_constrained = 19;
  const Problem p = random_problem(random, n, n_constrained, 1e3),
                hard = random_problem(random, n, n_constrained, 1e14);
  for (const Problem& problem : {p, hard}) {
    const RowMatrix G = problem.inverse();
    std::vector<float> rounded(static_cast<std::size_t>(n * padded<float>(n)));
    round_matrix(G.data(), n, rounded.data());
    RowMatrix x = RowMatrix::Zero(3, padded(n));
    x.row(0).head(n) = G.leftCols(n) * problem.g;
    x.row(1).setConstant(std::nan(""));
    PivotPool<double> zeros(n, n_constrained, Side::kZeros);
    RoughPivots rough(n, n_constrained, Side::kZeros);
    for (Index i = 0; i < 3; ++i) zeros.guess_from(i, &x(i, 0));
    rough.improve_guesses(zeros, {rounded.data(), rounded.data(), rounded.data()}, x.data(), 7);
    CHECK(zeros.set(2).empty());  // nothing is pushed
    for (Index i = 0; i < 2; ++i) {
      CHECK(std::ranges::is_sorted(zeros.set(i)));
      for (const Index member : zeros.set(i)) CHECK(member < n_constrained);
    }
  }
}

// Hilbert's matrix of ten rows has the condition 1.6e13.
TEST_CASE("the monotone solver converges close to singular") {
  const RowMatrix hilbert =
      RowMatrix::NullaryExpr(10, 10, [](Index i, Index j) { return 1.0 / static_cast<double>(i + j + 1); });
  Random random(37);
  for (int repetition = 0; repetition < 50; ++repetition) {
    const Problem p{hilbert, hilbert * random.vector(10), 10};
    bool converged = false;
    const Vector x = solve_alone(p, random.vector(10), converged);
    CHECK(converged);
    CHECK(x.minCoeff() >= 0);
    CHECK(violation(p, x) <= 1e-11);
  }
}

TEST_CASE("the monotone solver starts from anywhere and says when H is not positive definite") {
  Random random(38);
  const Problem p = random_problem(random, 8, 6, 100);
  const Vector expected = enumerate(p);
  for (const double size : {-1e3, 0.0, 1e-9, 1e3}) {
    bool converged = false;
    CHECK(distance(solve_alone(p, Vector::Constant(8, size), converged), expected) <= 1e-10);
    CHECK(converged);
  }
  bool converged = true;
  solve_alone({-p.H, p.g, 6}, Vector::Ones(8), converged);
  CHECK(!converged);
}

TEST_CASE("masks") {
  CHECK(pool_mask(1) == 1);
  CHECK(pool_mask(3) == 7);
  CHECK(pool_mask(kPool) == ~PoolMask{0});
  CHECK(contains(PoolMask{0b101}, 2));
  CHECK(!contains(PoolMask{0b101}, 1));
  CHECK((pool_bit(0) | pool_bit(2)) == 0b101);
}

}  // namespace
}  // namespace drtengine::testing
