#include "drtengine/quadrature.hpp"

#include "support.hpp"

#include <algorithm>
#include <numeric>

namespace drtengine::testing {
namespace {

template <class F>
double apply(const Rule& rule, F&& f) {
  double sum = 0;
  for (std::size_t i = 0; i < rule.nodes.size(); ++i) sum += rule.weights[i] * f(rule.nodes[i]);
  return sum;
}

// Lengths of the panels, in turn: the weights of each sum to its length.
std::vector<double> panel_lengths(const Rule& rule) {
  std::vector<double> lengths;
  for (std::size_t i = 0; i < rule.weights.size(); i += 16) {
    lengths.push_back(std::accumulate(&rule.weights[i], &rule.weights[i] + 16, 0.0));
  }
  return lengths;
}

TEST_CASE("a panel integrates polynomials up to degree 31") {
  for (const auto& [lower, upper] : {std::pair{-1.0, 1.0}, {0.0, 1.0}, {0.5, 1.25}}) {
    Rule rule;
    add_panel(rule, lower, upper);
    REQUIRE(rule.nodes.size() == 16);
    for (int k = 0; k <= 31; ++k) {
      const double exact = (std::pow(upper, k + 1) - std::pow(lower, k + 1)) / (k + 1);
      CHECK(apply(rule, [k](double x) { return std::pow(x, k); }) == within(exact, 4e-15, 1));
    }
  }
}

// For x^2n on [-1, 1] the n-point rule misses 2^(2n+1) (n!)^4 / ((2n+1) ((2n)!)^2).
TEST_CASE("a panel misses degree 32 by the error term of the sixteen-point rule") {
  Rule rule;
  add_panel(rule, -1, 1);
  const double ratio = std::exp(2 * std::lgamma(17.0) - std::lgamma(33.0));  // (n!)^2 / (2n)!
  const double missed = std::exp2(33) / 33 * ratio * ratio;
  const double value = apply(rule, [](double x) { return std::pow(x, 32); });
  CHECK(2.0 / 33 - value == within(missed, 1e-5));
}

TEST_CASE("panels fill the range, double, and stay short") {
  for (const auto& [lower, upper, first, longest] :
       {std::tuple{0.0, 100.0, 0.01, 1.5}, {-2.0, 3.0, 10.0, 0.25}, {1.0, 1.1, 1.0, 1.0}, {0.0, 7.3, 0.1, 100.0}}) {
    Rule rule;
    add_panels(rule, lower, upper, first, longest);
    CHECK(std::ranges::min(rule.nodes) > lower);
    CHECK(std::ranges::max(rule.nodes) < upper);
    const std::vector<double> lengths = panel_lengths(rule);
    CHECK(std::accumulate(lengths.begin(), lengths.end(), 0.0) == within(upper - lower, 1e-14));
    double expected = std::min(first, longest);
    for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
      CHECK(lengths[i] == within(expected, 1e-13));
      expected = std::min(2 * expected, longest);
    }
    CHECK(lengths.back() < 1.5 * expected);  // the last one takes what would be a short rest
  }
}

TEST_CASE("panels integrate a peak at their start and its tail") {
  Rule rule;
  add_panels(rule, 0, 60, 0.01, 1.5);
  CHECK(apply(rule, [](double x) { return 20 * std::exp(-20 * x); }) == within(1, 1e-14));
}

TEST_CASE("an empty range takes no panels") {
  Rule rule;
  add_panels(rule, 1, 1, 0.1, 1);
  add_panels(rule, 2, 1, 0.1, 1);
  CHECK(rule.nodes.empty());
}

}  // namespace
}  // namespace drtengine::testing
