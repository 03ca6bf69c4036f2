#include "drtengine/random.hpp"

#include "support.hpp"

namespace drtengine::testing {

TEST_CASE("random numbers have the moments of their distributions") {
  RandomStream random(5);
  constexpr Index kCount = 200'000;
  Vector x(kCount);
  random.fill_normal(x.data(), kCount);
  CHECK(std::abs(x.mean()) < 0.01);
  CHECK(x.squaredNorm() / kCount == doctest::Approx(1).epsilon(0.01));
  CHECK(x.array().pow(4).mean() == doctest::Approx(3).epsilon(0.03));
  CHECK(std::abs(x.head(kCount / 2).dot(x.tail(kCount / 2))) / kCount < 0.01);  // neighbours in a pair and beyond
  for (double& u : x) u = random.uniform();
  CHECK(x.minCoeff() > 0);
  CHECK(x.maxCoeff() < 1);
  CHECK(x.mean() == doctest::Approx(0.5).epsilon(0.01));
  for (const double shape : {0.3, 1.0, 47.0}) {
    for (double& g : x) g = random.gamma(shape);
    CAPTURE(shape);
    CHECK(x.mean() == doctest::Approx(shape).epsilon(0.02));
    CHECK((x.array() - shape).square().mean() == doctest::Approx(shape).epsilon(0.05));
  }
}

TEST_CASE("a stream belongs to its seed and its numbers") {
  const double numbers[] = {1.0, 2.0};
  const double first = RandomStream::of(3, numbers, 2).uniform();
  CHECK(RandomStream::of(3, numbers, 2).uniform() == first);
  CHECK(RandomStream::of(4, numbers, 2).uniform() != first);
  CHECK(RandomStream::of(3, numbers, 1).uniform() != first);
  const double others[] = {2.0, 1.0};
  CHECK(RandomStream::of(3, others, 2).uniform() != first);
}

}  // namespace drtengine::testing
